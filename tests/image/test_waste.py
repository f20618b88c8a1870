"""Every wasted byte is in one row; the rows are few enough to read, and each has a fitting remedy."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.images import Entry
from tests.support.layers import layer_of
from weighbridge.image import filesystem, waste
from weighbridge.model.report import Waste


def rows(layers: Sequence[Sequence[Entry]], instructions: Sequence[str], base_layers: int = 0) -> tuple[Waste, ...]:
    """Return the waste of layers, and check its sum."""
    contents = [layer_of(entries) for entries in layers]
    view = filesystem.stack(contents)
    found = waste.list_waste(view.losses.values(), instructions, base_layers)
    shipped, live = sum(content.shipped_bytes for content in contents), sum(view.sum_live_bytes())
    assert sum(row.bytes for row in found) == shipped - live
    return found


def test_row_tells_all_of_a_loss() -> None:
    """A row has cause, bytes, layers, path and number of files; the largest row is first."""
    found = rows(
        [[Entry("d/a", b"1"), Entry("d/b", b"22")], [Entry(".wh.d"), Entry("x", b"4444")], [Entry(".wh.x")]],
        ["RUN make", "RUN rm -r d", "RUN rm x"],
    )
    assert [(row.cause, row.bytes, row.shipped_by, row.killed_by, row.path, row.file_count) for row in found] == [
        ("deleted-file", 4, 1, 2, "/x", 1),
        ("deleted-directory", 3, 0, 1, "/d", 2),
    ]


def test_many_places_are_one_row() -> None:
    """Up to eight paths have a row each; more are merged into one row with their common folder."""
    few = [[Entry(f"app/{name}/x", b"1") for name in "abcdefgh"], [Entry(f"app/.wh.{name}") for name in "abcdefgh"]]
    assert len(rows(few, ["RUN a", "RUN b"])) == 8
    many = [[Entry(f"app/{name}/x", b"1") for name in "abcdefghi"], [Entry(f"app/.wh.{name}") for name in "abcdefghi"]]
    (row,) = rows(many, ["RUN a", "RUN b"])
    assert (row.path, row.bytes, row.file_count) == ("/app", 9, 9)


SHIPPED, KILLED, AGAIN = [Entry("d/a", b"1234")], [Entry(".wh.d")], [Entry("d/a", b"5678")]
LISTS = [Entry("var/lib/apt/lists/x", b"1234")], [Entry("var/lib/apt/lists/.wh.x")]


@pytest.mark.parametrize(
    ("layers", "instructions", "base_layers", "remedy"),
    [
        (
            [SHIPPED, KILLED],
            ["RUN make", "RUN rm"],
            0,
            "Delete the folder in the instruction that makes the folder (la",
        ),
        (
            [SHIPPED, [Entry("d/.wh.a")]],
            ["RUN make", "RUN rm"],
            0,
            "Delete it in the instruction that makes it (layer 0)",
        ),
        ([SHIPPED, KILLED], ["COPY . /", "RUN rm"], 0, "Do not copy it: leave it out with .dockerignore"),
        ([SHIPPED, KILLED], ["RUN make", "RUN rm"], 1, "Deleting files of the base image frees nothing"),
        ([SHIPPED, KILLED], ["RUN make", "RUN rm"], 2, "The base image wastes this by itself"),
        (
            [SHIPPED, SHIPPED],
            ["COPY . /", "RUN chown -R a /"],
            0,
            "Only chown changed these files, not their bytes: use `COPY",
        ),
        (
            [SHIPPED, SHIPPED],
            ["RUN make", "RUN chmod 1 /"],
            0,
            "Only chmod changed these files, not their bytes: run it",
        ),
        ([SHIPPED, SHIPPED], ["RUN make", "RUN touch"], 0, "Only owner, mode or time changed, not the bytes"),
        ([SHIPPED, SHIPPED], ["RUN make", "RUN chmod"], 1, "Layer 1 ships these files of the base image again, byte"),
        ([SHIPPED, AGAIN], ["RUN make", "RUN sed"], 1, "Layer 1 ships these files of the base image again, changed"),
        ([SHIPPED, AGAIN], ["RUN make", "RUN sed"], 0, "Ship it once: make its final form in the instruction"),
        ([[*SHIPPED, *AGAIN]], ["RUN make"], 0, "The layer's own archive holds it twice"),
        (LISTS, ["RUN apt-get update", "RUN rm"], 0, "This is apt's lists: end that RUN with `rm -rf"),
    ],
)
def test_remedy_fits_the_cause(
    layers: Sequence[Sequence[Entry]], instructions: Sequence[str], base_layers: int, remedy: str
) -> None:
    """Each remedy names the change of the Dockerfile that ends the waste."""
    (row,) = rows(layers, instructions, base_layers)
    assert row.remedy.startswith(remedy)
    assert row.remedy.endswith(".")
