"""History entries become the instructions that a person wrote."""

from __future__ import annotations

import pytest

from weighbridge.image.content import HistoryEntry
from weighbridge.image.history import clean, list_instructions


@pytest.mark.parametrize(
    ("told", "written"),
    [
        ('/bin/sh -c #(nop)  CMD ["bash"]', 'CMD ["bash"]'),
        ("/bin/sh -c #(nop) ADD file:0123 in / ", "ADD file:0123 in /"),
        ("/bin/sh -c apt-get update", "RUN apt-get update"),
        ("|2 A=b C=d e /bin/sh -c pip install x", "RUN pip install x"),
        ("|0 /bin/sh -c true", "RUN true"),
        ("RUN /bin/sh -c apt-get update # buildkit", "RUN apt-get update"),
        ("RUN |1 A=b /bin/sh -c make \t -j2 \\\n  all # buildkit", "RUN make -j2 \\ all"),
        ("RUN python -c 'x' # buildkit", "RUN python -c 'x'"),
        ("RUN /bin/bash -o pipefail -c x # buildkit", "RUN /bin/bash -o pipefail -c x"),
        ("RUN |1 A=b /bin/bash -c x # buildkit", "RUN |1 A=b /bin/bash -c x"),
        ("COPY --chown=0:0 . /app # buildkit", "COPY --chown=0:0 . /app"),
        ("RUN /bin/sh -c echo '# buildkit' x", "RUN echo '# buildkit' x"),
        ("# debian.sh --arch 'amd64' out/", "# debian.sh --arch 'amd64' out/"),
        ("RUN \x1b[31mred\x07", "RUN [31mred"),
        ("", ""),
    ],
)
def test_clean(told: str, written: str) -> None:
    """What the classic builder and BuildKit put around an instruction goes; control characters too."""
    assert clean(told) == written


def step(created_by: str, comment: str = "", *, empty: bool = False) -> HistoryEntry:
    """Return a history entry."""
    return HistoryEntry(created_by=created_by, comment=comment, empty_layer=empty)


def test_steps_without_a_layer_are_left_out() -> None:
    """Only what made a layer is paired with one, in order; an imported layer has but a comment."""
    history = [step("", "Imported from -"), step("ENV a=b", empty=True), step("COPY a b # buildkit")]
    assert list_instructions(history, 2) == ("Imported from -", "COPY a b")


def test_history_and_layers_need_not_match() -> None:
    """A layer that the history does not tell of is `(missing)`; steps beyond the layers are dropped."""
    assert list_instructions([step("ADD x"), step("")], 4) == ("ADD x", "(missing)", "(missing)", "(missing)")
    assert list_instructions([step("ADD x"), step("ADD y")], 1) == ("ADD x",)
    assert list_instructions([], 0) == ()
