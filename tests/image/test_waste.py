"""Every wasted byte is in one row; the rows are few enough to read, and each has a fitting remedy."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.images import Entry
from tests.support.layers import layer_of
from weighbridge.image import filesystem, waste
from weighbridge.image.filesystem import Cause, Loss
from weighbridge.model.report import Waste, WasteCause


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


def lose(path: str, size: int, *, shipped_by: int = 0, killed_by: int = 1, cause: WasteCause = "replaced") -> Loss:
    """Return the loss of one file."""
    return Loss(Cause(cause, killed_by, "a/cause"), shipped_by, size, 1, path)


def test_order_of_rows() -> None:
    """Rows are sorted by size, the largest first, then by the two layers, the oldest first, then by path."""
    losses = [
        lose("a", 1),
        lose("d", 7, shipped_by=1, killed_by=2),
        lose("f", 7, shipped_by=0, killed_by=2),
        lose("c", 7),
        lose("b", 7, cause="deleted-file"),
        lose("g", 8, shipped_by=1, killed_by=3),
    ]
    found = waste.list_waste(losses, ["RUN x"] * 4, 0)
    assert [(row.bytes, row.shipped_by, row.killed_by, row.path) for row in found] == [
        (8, 1, 3, "/g"),
        (7, 0, 1, "/b"),
        (7, 0, 1, "/c"),
        (7, 0, 2, "/f"),
        (7, 1, 2, "/d"),
        (1, 0, 1, "/a"),
    ]


def test_only_paths_of_one_cause_between_two_layers_are_merged() -> None:
    """Nine paths with one cause and the same layers are merged; eight with another cause or another layer are not."""
    losses = [
        *(lose(f"merged/{place}", 2**place) for place in range(9)),
        *(lose(f"cause/{place}", 1, cause="metadata-only") for place in range(8)),
        *(lose(f"layer/{place}", 1, killed_by=2) for place in range(8)),
    ]
    found = waste.list_waste(losses, ["RUN x"] * 3, 0)
    (merged,) = [row for row in found if row.path.startswith("/merged")]
    assert (merged.path, merged.bytes, merged.file_count) == ("/merged", 511, 9)
    assert (merged.cause, merged.shipped_by, merged.killed_by) == ("replaced", 0, 1)
    assert [row.file_count for row in found if row is not merged] == [1] * 16


@pytest.mark.parametrize(
    ("beginning", "folder"), [("", "/"), ("X/", "/X"), ("app/lib/X", "/app/lib"), ("app/lib/X/", "/app/lib/X")]
)
def test_folder_of_merged_paths(beginning: str, folder: str) -> None:
    """The row of merged paths has the deepest folder that contains them all, by whole names."""
    (row,) = waste.list_waste([lose(f"{beginning}{name}", 1) for name in range(9)], ["RUN x"] * 2, 0)
    assert row.path == folder


def test_many_places_are_one_row() -> None:
    """Up to eight paths have a row each; more are merged into one row with their common folder."""
    few = [[Entry(f"app/{name}/x", b"1") for name in "abcdefgh"], [Entry(f"app/.wh.{name}") for name in "abcdefgh"]]
    assert len(rows(few, ["RUN a", "RUN b"])) == 8
    many = [[Entry(f"app/{name}/x", b"1") for name in "abcdefghi"], [Entry(f"app/.wh.{name}") for name in "abcdefghi"]]
    (row,) = rows(many, ["RUN a", "RUN b"])
    assert (row.path, row.bytes, row.file_count) == ("/app", 9, 9)


SHIPPED, KILLED, AGAIN = [Entry("d/a", b"1234")], [Entry(".wh.d")], [Entry("d/a", b"5678")]
IN_PLACE = "Delete the folder in the instruction that makes the folder (layer 0), or make it in an earlier stage."
FROM_BASE = "Deleting files of the base image frees nothing: take a smaller base, or copy out what you need."
BASE_ITSELF = "The base image wastes this by itself: take another base."
NOT_COPIED = "Do not copy it: leave it out with .dockerignore, or mount it (`RUN --mount=type=bind`)."


@pytest.mark.parametrize(
    ("layers", "instructions", "base_layers", "remedy"),
    [
        ([SHIPPED, KILLED], ["RUN make", "RUN rm"], 0, IN_PLACE),
        (
            [SHIPPED, [Entry("d/.wh.a")]],
            ["RUN make", "RUN rm"],
            0,
            "Delete it in the instruction that makes it (layer 0), or make it in an earlier stage.",
        ),
        ([SHIPPED, [Entry("d/.wh..wh..opq")]], ["RUN make", "RUN rm"], 0, IN_PLACE),
        ([SHIPPED, KILLED], ["COPY . /", "RUN rm"], 0, NOT_COPIED),
        ([SHIPPED, KILLED], ["ADD . /", "RUN rm"], 0, NOT_COPIED),
        ([SHIPPED, KILLED], ["ADDED by hand", "RUN rm"], 0, IN_PLACE),
        ([SHIPPED, KILLED], ["RUN make", "RUN rm"], 1, FROM_BASE),
        ([SHIPPED, [Entry("d/.wh.a")]], ["RUN make", "RUN rm"], 1, FROM_BASE),
        ([SHIPPED, [Entry("d/.wh..wh..opq")]], ["RUN make", "RUN rm"], 1, FROM_BASE),
        ([SHIPPED, KILLED], ["RUN make", "RUN rm"], 2, BASE_ITSELF),
        ([[Entry("x")], SHIPPED, AGAIN], ["RUN x", "RUN y", "RUN z"], 3, BASE_ITSELF),
        (
            [[Entry("x")], SHIPPED, AGAIN],
            ["RUN x", "RUN y", "RUN z"],
            2,
            "Layer 2 ships these files of the base image again, changed: take a base with these changes.",
        ),
        (
            [[Entry("x")], SHIPPED, AGAIN],
            ["RUN x", "RUN y", "RUN z"],
            1,
            "Ship it once: make its final form in the instruction of either layer 1 or 2.",
        ),
        (
            [SHIPPED, SHIPPED],
            ["RUN make", "RUN chmod"],
            1,
            "Layer 1 ships these files of the base image again, byte for byte: leave them alone.",
        ),
        (
            [[*SHIPPED, *AGAIN]],
            ["RUN make"],
            0,
            "The layer's own archive holds it twice: fix the tool that built the image, or use another one.",
        ),
    ],
)
def test_remedy_fits_the_cause(
    layers: Sequence[Sequence[Entry]], instructions: Sequence[str], base_layers: int, remedy: str
) -> None:
    """Each remedy names the change of the Dockerfile that ends the waste."""
    (row,) = rows(layers, instructions, base_layers)
    assert row.remedy == remedy


RUN_IT = "run it in the instruction that makes them."


@pytest.mark.parametrize(
    ("maker", "changer", "remedy"),
    [
        (
            "COPY . /",
            "RUN chown -R a /",
            "Only chown changed these files, not their bytes: use `COPY --chown=…` instead.",
        ),
        ("ADD . /", "RUN chmod 1 /", "Only chmod changed these files, not their bytes: use `ADD --chmod=…` instead."),
        ("RUN make", "RUN chown a /", f"Only chown changed these files, not their bytes: {RUN_IT}"),
        ("RUN make", "RUN chmod 1 /", f"Only chmod changed these files, not their bytes: {RUN_IT}"),
        ("ADDED by hand", "RUN chmod 1 / && chown a /", f"Only chown changed these files, not their bytes: {RUN_IT}"),
        (
            "COPY . /",
            "RUN touch",
            "Only owner, mode or time changed, not the bytes: set these in the instruction that makes the files.",
        ),
    ],
)
def test_remedy_for_changes_of_metadata(maker: str, changer: str, remedy: str) -> None:
    """Files whose owner or mode a later instruction changed get it where they are made."""
    (row,) = rows([SHIPPED, SHIPPED], [maker, changer])
    assert row.remedy == remedy


CACHES = {
    "var/lib/apt/lists": "This is apt's lists: end that RUN with `rm -rf /var/lib/apt/lists/*`, or mount a cache over"
    " them.",
    "var/cache/apt": "This is apt's packages: mount a cache there, `RUN --mount=type=cache,target=/var/cache/apt`.",
    "root/.cache/pip": "This is pip's cache: `pip install --no-cache-dir`, or mount a cache over it.",
    "root/.cache/uv": "This is uv's cache: `RUN --mount=type=cache,target=/root/.cache/uv`.",
    "root/.npm": "This is npm's cache: `RUN --mount=type=cache,target=/root/.npm`.",
}


@pytest.mark.parametrize("folder", CACHES)
def test_remedy_for_caches(folder: str) -> None:
    """What a package manager leaves behind has a remedy of its own, in that folder and no other."""
    for path, remedy in [
        (folder, CACHES[folder]),
        (f"{folder}/x/y", CACHES[folder]),
        (f"{folder}x", IN_PLACE),
        (f"x/{folder}", IN_PLACE),
    ]:
        (row,) = waste.list_waste([lose(path, 1, cause="deleted-directory")], ["RUN make", "RUN rm"], 0)
        assert row.remedy == remedy
