"""What all databases share: recorded paths become those of an image."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.packages import stays_inside
from weighbridge.image.packages.package import LONGEST_PATH, normalise_paths, split_lines


@pytest.mark.parametrize(
    ("recorded", "path"),
    [
        ("/usr/bin/x", "usr/bin/x"),
        ("usr/bin/x", "usr/bin/x"),
        ("//usr///bin/./x/", "usr/bin/x"),
        ("usr/lib/../bin/x", "usr/bin/x"),
        ("../../../x", "x"),
        ("a\udcff b", "a\udcff b"),
        ("a" * LONGEST_PATH, "a" * LONGEST_PATH),
    ],
)
def test_paths_begin_at_the_root(recorded: str, path: str) -> None:
    """However a path is written, it comes out as a layer names it, and never above the root."""
    assert normalise_paths([recorded]) == (path,)


@pytest.mark.parametrize("recorded", ["", "/", "/.", "..", "a/..", "a\0b", "a" * (LONGEST_PATH + 1)])
def test_no_path(recorded: str) -> None:
    """The root is no package's file, and neither is what no system could open."""
    assert normalise_paths([recorded]) == ()


def test_each_path_once() -> None:
    """A path that is listed twice counts once, in the first place."""
    assert normalise_paths(["/b", "/a", "b/", "./a"]) == ("b", "a")


@given(st.lists(st.sampled_from(["a", "b", ".", "..", ""])))
def test_steps_are_taken_one_by_one(steps: list[str]) -> None:
    """The result is where one comes walking from the root, where a step up has no effect at the root."""
    here: list[str] = []
    for step in steps:
        if step == "..":
            here = here[:-1]
        elif step not in {"", "."}:
            here = [*here, step]
    assert normalise_paths(["/".join(steps)]) == (("/".join(here),) if here else ())


@given(st.lists(st.text(alphabet="./a\0\udcff\n")))
def test_nothing_leads_outside(recorded: list[str]) -> None:
    """Whatever is recorded, what comes out is a path inside the image."""
    assert all(map(stays_inside, normalise_paths(recorded)))


def test_lines_end_at_newlines_alone() -> None:
    """A file's name may hold what Python otherwise takes for the end of a line, and bytes that are no text."""
    assert split_lines(b"a\x0b\x0c\r\x1c\xc2\x85b\xff\nc") == ["a\x0b\x0c\r\x1c\x85b\udcff", "c"]
