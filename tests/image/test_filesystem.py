"""Stacking layers shows which files a container sees, and what is lost and why."""

from __future__ import annotations

import pytest

from tests.support.images import Entry
from tests.support.layers import hard_link, hold_bytes, layer, layer_of, symbolic_link
from weighbridge.image.filesystem import Filesystem, stack


def seen(view: Filesystem) -> dict[str, int]:
    """Return the files that are seen, by path, with their sizes."""
    return {path: view.get_size(number) for path, number in view.iterate_files()}


def lost(view: Filesystem) -> set[tuple[str, int, int, int, str]]:
    """Return what was lost: cause, bytes, the layers that shipped and hid them, and the path."""
    return {
        (loss.cause.name, loss.size_bytes, loss.shipped_by, loss.cause.killed_by, loss.path)
        for loss in view.losses.values()
    }


BIG = b"x" * 100
CASES: list[tuple[str, list[list[Entry]], dict[str, int], set[tuple[str, int, int, int, str]]]] = [
    (
        "a file deleted in a later layer",
        [[Entry("d/a", BIG)], [Entry("d/.wh.a")]],
        {},
        {("deleted-file", 100, 0, 1, "d/a")},
    ),
    (
        "a directory deleted in a later layer, which dive misses",
        [[Entry("d/e/a", BIG), Entry("d/b", b"12")], [Entry(".wh.d")]],
        {},
        {("deleted-directory", 102, 0, 1, "d")},
    ),
    (
        "an opaque marker, which dive misses, at the end of the archive",
        [[Entry("d/a", BIG)], [Entry("d/new", b"1"), Entry("d/.wh..wh..opq")]],
        {"d/new": 1},
        {("opaque-directory", 100, 0, 1, "d")},
    ),
    (
        "chown -R, which dive counts twice",
        [[Entry("d/a", BIG), Entry("d/b", b"12")], [Entry("d/a", BIG), Entry("d/b", b"12")]],
        {"d/a": 100, "d/b": 2},
        {("metadata-only", 102, 0, 1, "d")},
    ),
    (
        "a small file replaced by a large one, which dive charges with both",
        [[Entry("a", b"1" * 10)], [Entry("a", b"2" * 90)]],
        {"a": 90},
        {("replaced", 10, 0, 1, "a")},
    ),
    ("one layer, of which dive makes no number", [[Entry("a", BIG)]], {"a": 100}, set()),
    (
        "a file that three layers ship, as in dive's own test",
        [[Entry("a", b"1" * 40)], [Entry("a", b"2" * 30)], [Entry("a", b"3" * 30)]],
        {"a": 30},
        {("replaced", 40, 0, 1, "a"), ("replaced", 30, 1, 2, "a")},
    ),
    (
        "the same size and other bytes are no change of metadata",
        [[Entry("a", b"1" * 10)], [Entry("a", b"2" * 10)]],
        {"a": 10},
        {("replaced", 10, 0, 1, "a")},
    ),
    (
        "a directory in a file's place and a file in a directory's",
        [[Entry("a", b"1"), Entry("b/x", b"22")], [Entry("a/y", b"333"), Entry("b", b"4444")]],
        {"a/y": 3, "b": 4},
        {("replaced", 1, 0, 1, "a"), ("replaced", 2, 0, 1, "b")},
    ),
    (
        "a link in a directory's place hides what was in it",
        [[Entry("d/x", b"22"), Entry("e/y", b"1")], [symbolic_link("d", "e")]],
        {"e/y": 1},
        {("replaced", 2, 0, 1, "d")},
    ),
    (
        "a folder in the place of a lower layer's link is a folder of its own",
        [[Entry("d/x", b"22"), symbolic_link("l", "d")], [Entry("l/y", b"1")]],
        {"d/x": 2, "l/y": 1},
        set(),
    ),
    (
        "a link of the same layer is followed",
        [[Entry("d/x", b"22"), symbolic_link("l", "d"), Entry("l/y", b"1")]],
        {"d/x": 2, "d/y": 1},
        set(),
    ),
    (
        "a whiteout hides lower layers alone, also after its own sibling",
        [[Entry("d/a", BIG)], [Entry("d/a", b"1"), Entry("d/.wh.a")]],
        {"d/a": 1},
        {("deleted-file", 100, 0, 1, "d/a")},
    ),
    (
        "hard links are one file, which lives as long as a name does",
        [[Entry("a", BIG), hard_link("b", "a"), hard_link("c", "./a")], [Entry(".wh.a")], [Entry(".wh.b")]],
        {"c": 100},
        set(),
    ),
    (
        "the last name of a file takes its bytes along",
        [[Entry("a", BIG), hard_link("b", "a")], [Entry(".wh.a")], [Entry(".wh.b")]],
        {},
        {("deleted-file", 100, 0, 2, "b")},
    ),
    (
        "a hard link to a lower layer's file ships nothing",
        [[Entry("d/a", BIG)], [hard_link("b", "d/a"), Entry("d/.wh.a")]],
        {"b": 100},
        set(),
    ),
    ("a hard link to nothing is nothing", [[hard_link("b", "gone")]], {}, set()),
    (
        "of an entry that comes twice in an archive the last counts",
        [[Entry("a", b"1" * 10), Entry("a", b"2" * 30)]],
        {"a": 30},
        {("replaced", 10, 0, 0, "a")},
    ),
    (
        "a storage driver's own markers are no files",
        [[Entry("d/a", BIG), Entry(".wh..wh.plnk/1.2", b"33"), Entry(".wh..wh.aufs", b"4")], [Entry(".wh.")]],
        {"d/a": 100, ".wh..wh.plnk/1.2": 2},
        set(),
    ),
    (
        "names with dots and slashes lead nowhere else",
        [[Entry("./a", b"1"), Entry("/b", b"2"), Entry("../../c", b"3"), Entry("d/./e//f", b"4")]],
        {"a": 1, "b": 1, "c": 1, "d/e/f": 1},
        set(),
    ),
]


@pytest.mark.parametrize(("layers", "files", "losses"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_rule(layers: list[list[Entry]], files: dict[str, int], losses: set[tuple[str, int, int, int, str]]) -> None:
    """Each rule gives the files that a container sees, and the bytes that were shipped in vain."""
    contents = [layer_of(entries) for entries in layers]
    view = stack(contents)
    assert seen(view) == files
    assert lost(view) == losses
    hold_bytes(contents, view)


def test_links_that_go_round() -> None:
    """A path through an endless loop of links cannot be resolved, and nothing hangs."""
    view = stack([layer(symbolic_link("a", "b"), symbolic_link("b", "a"), Entry("a/x", b"1"))])
    assert view.find("b/y") is None
    assert seen(view) == {"a/x": 1}


def test_find_follows_links_on_the_way() -> None:
    """With a merged `/usr`, `lib/x` is found through `lib -> usr/lib`, and `lib` itself is found as a link."""
    view = stack([layer(Entry("usr/lib/x", b"1"), symbolic_link("lib", "usr/lib"), symbolic_link("up", "../../lib"))])
    assert view.find("lib/x") == view.find("usr/lib/x") == view.find("up/x") == view.find("usr/../lib/x") == 0
    assert view.find("lib") == 1
    assert view.find("usr/lib/x/y") is None
    assert view.find("") is view.root


def test_deep_path() -> None:
    """The deepest path that Linux allows causes no deep recursion."""
    deep = "/".join("d" * 1 for _ in range(2000))
    contents = [layer(Entry(f"{deep}/a", b"1")), layer(Entry(f"{deep}/a", b"22")), layer(Entry(".wh.d"))]
    view = stack(contents)
    assert seen(view) == {}
    hold_bytes(contents, view)
