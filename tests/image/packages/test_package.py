"""What all databases share: recorded paths become those of an image."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.packages import stays_inside
from weighbridge.image.packages import apk, package
from weighbridge.image.packages.databases import parse_packages
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


def test_long_folder_for_many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a small list names together is bounded, in every list that names a folder once for many files."""
    monkeypatch.setattr(package, "MAX_PATHS_CHARACTERS", 10_000)
    monkeypatch.setattr(apk, "MAX_PATHS_CHARACTERS", 10_000)
    folder, names = "/".join(["d" * 99] * 10), [f"f{number}" for number in range(100)]
    documents = {
        f"{folder}/a-1.dist-info/RECORD": "".join(f"{name},,\n" for name in names),
        f"{folder}/b.egg-info/installed-files.txt": "\n".join(names),
        f"{folder}/conda-meta/c-1-0.json": json.dumps({"files": names}),
        apk.DATABASES[0]: f"P:d\nF:{folder}\n" + "".join(f"R:{name}\n" for name in names) + "\n" * 2,
    }
    kept = {path: content.encode() for path, content in documents.items()}
    sizes = {each.kind: sum(map(len, each.paths)) for each in parse_packages(kept)}
    assert set(sizes) == {"python", "conda", "alpine"}
    assert all(5_000 < size <= 10_000 for size in sizes.values())
