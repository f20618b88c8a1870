"""Stacking layers shows which files a container sees, and what is lost and why."""

from __future__ import annotations

import pytest

from tests.support.images import Entry
from tests.support.layers import directory, hard_link, hold_bytes, layer, layer_of, symbolic_link
from weighbridge.image.filesystem import Cause, Filesystem, Loss, stack
from weighbridge.image.layer import DIRECTORY, FILE, HARD_LINK, SYMBOLIC_LINK


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
        "a link of the same layer is followed to a folder of a lower layer, also by kaniko's whiteouts",
        [[Entry("run/x", BIG), Entry("run/y", b"1")], [symbolic_link("var/run", "/run"), Entry("var/run/.wh.x")]],
        {"run/y": 1},
        {("deleted-file", 100, 0, 1, "run/x")},
    ),
    (
        "such a link starts in its own folder, and leads through several",
        [[Entry("a/d/e/x", BIG)], [symbolic_link("a/l", "d/e"), Entry("a/l/.wh.x")]],
        {},
        {("deleted-file", 100, 0, 1, "a/d/e/x")},
    ),
    (
        "such a link that climbs above the root stays at the root",
        [[Entry("d/x", BIG)], [symbolic_link("a/l", "../../d"), Entry("a/l/.wh.x")]],
        {},
        {("deleted-file", 100, 0, 1, "d/x")},
    ),
    (
        "the name of such a link's target is taken as it is",
        [[Entry("Xd/x", BIG)], [symbolic_link("l", "Xd"), Entry("l/.wh.x")]],
        {},
        {("deleted-file", 100, 0, 1, "Xd/x")},
    ),
    (
        "a link of the same layer that leads nowhere becomes a folder",
        [[Entry("d/x", BIG)], [symbolic_link("l", "gone"), Entry("l/y", b"1")]],
        {"d/x": 100, "l/y": 1},
        set(),
    ),
    (
        "a file of the same layer leads nowhere",
        [[Entry("XXXX/x", BIG)], [Entry("f", b"1"), Entry("f/.wh.x")]],
        {"XXXX/x": 100},
        {("replaced", 1, 1, 1, "f")},
    ),
    (
        "a whiteout below a lower layer's link makes a folder in the link's place",
        [[Entry("run/x", BIG), symbolic_link("var/run", "/run")], [Entry("var/run/.wh.x")]],
        {"run/x": 100},
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
        "a folder's own entry changes nothing of a folder, and takes a file's place",
        [[directory("d"), Entry("d/a", b"1"), directory("d")], [directory("d"), Entry("f", b"22"), directory("f")]],
        {"d/a": 1},
        {("replaced", 2, 1, 1, "f")},
    ),
    (
        "after a folder that a lower layer has too, the rest of an archive is laid over likewise",
        [[Entry("d/a", b"1"), Entry("e", b"22")], [Entry("d/b", b"333"), Entry("e", b"4444"), Entry("f", b"5")]],
        {"d/a": 1, "d/b": 3, "e": 4, "f": 1},
        {("replaced", 2, 0, 1, "e")},
    ),
    (
        "a storage driver's marker hides nothing, not even what has the rest of its name",
        [[Entry(".wh.x/a", BIG)], [Entry(".wh..wh.x")]],
        {".wh.x/a": 100},
        set(),
    ),
    (
        "the first folder of an archive may have any name",
        [[Entry("XXXX/a", b"1"), Entry("b", b"22")]],
        {"XXXX/a": 1, "b": 2},
        set(),
    ),
    (
        "after a file was replaced, folders of any name are still told apart",
        [[Entry("a", b"1"), Entry("a", b"22"), Entry("XXXX/a", b"333"), Entry("b", b"4444")]],
        {"a": 2, "XXXX/a": 3, "b": 4},
        {("replaced", 1, 0, 0, "a")},
    ),
    (
        "the same bytes twice in one archive are a change of metadata",
        [[Entry("d/e/a", BIG), Entry("d/e/a", BIG)]],
        {"d/e/a": 100},
        {("metadata-only", 100, 0, 0, "d/e/a")},
    ),
    (
        "a folder in a file's place in one archive, at the root and deeper",
        [[Entry("a", b"1"), Entry("a/d/e", b"4444"), Entry("a/b", b"22"), Entry("a/b/c/f", b"333")]],
        {"a/b/c/f": 3, "a/d/e": 4},
        {("replaced", 1, 0, 0, "a"), ("replaced", 2, 0, 0, "a/b")},
    ),
    (
        "a link of the same layer is followed below other folders, and to a folder that it names from the root",
        [
            [Entry("d/e/x", b"1"), symbolic_link("d/l", "e"), Entry("d/l/f/y", b"22")],
            [symbolic_link("f/r", "/g"), Entry("g/x", b"1"), Entry("f/r/z", b"4444")],
        ],
        {"d/e/x": 1, "d/e/f/y": 2, "g/x": 1, "g/z": 4},
        set(),
    ),
    (
        "a hard link's target may end in a slash, and have any name",
        [
            [Entry("aX", b"1"), Entry("a", b"22"), Entry("b ", b"333")],
            [hard_link("c", "a/"), hard_link("d", "/./aX"), hard_link("e", "b ")],
            [Entry(".wh.a"), Entry(".wh.aX")],
        ],
        {"b ": 3, "c": 2, "d": 1, "e": 3},
        set(),
    ),
    (
        "files of one folder that are replaced are one loss of that folder",
        [[Entry("a/b/c", b"1"), Entry("a/b/d", b"22")], [Entry("a/b/c", b"2"), Entry("a/b/d", b"1")]],
        {"a/b/c": 1, "a/b/d": 1},
        {("replaced", 3, 0, 1, "a/b")},
    ),
    (
        "all that an opaque marker hides is one loss of its folder",
        [[Entry("f/dX/a", b"1"), Entry("f/dX/b", b"22"), Entry("f/dX/e/c", BIG)], [Entry("f/dX/.wh..wh..opq")]],
        {},
        {("opaque-directory", 103, 0, 1, "f/dX")},
    ),
    (
        "an opaque marker at the root hides all that is below",
        [[Entry("a", b"1"), Entry("b", b"22")], [Entry(".wh..wh..opq"), Entry("c", BIG)]],
        {"c": 100},
        {("opaque-directory", 3, 0, 1, "")},
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


def test_loss() -> None:
    """A loss has the layer that shipped the bytes, how many files they are, and the path: that of a single file."""
    layers = [
        [Entry("d/a", b"1"), Entry("e/x", b"333"), Entry("empty")],
        [Entry("d/b", b"22"), Entry("d/sub/c", b"4444")],
        [Entry(".wh.d"), Entry("e/.wh.x"), Entry(".wh.empty"), Entry(".wh.gone")],
    ]
    deleted, file = Cause("deleted-directory", 2, "d"), Cause("deleted-file", 2, "e")
    assert stack([layer_of(entries) for entries in layers]).losses == {
        (deleted, 0): Loss(deleted, 0, 1, 1, "d"),
        (deleted, 1): Loss(deleted, 1, 6, 2, "d"),
        (file, 0): Loss(file, 0, 3, 1, "e/x"),
    }


def test_numbers() -> None:
    """Entries are numbered across layers, also where one has none; each has a kind, a size, and its names counted."""
    layers = [
        [Entry("a", b"333"), hard_link("b", "a")],
        [],
        [Entry("c", b"22"), symbolic_link("l", "a"), directory("d"), Entry(".wh.a")],
    ]
    view = stack([layer_of(entries) for entries in layers])
    assert [view.locate(number) for number in range(6)] == [(0, 0), (0, 1), (2, 0), (2, 1), (2, 2), (2, 3)]
    assert [view.get_kind(number) for number in range(6)] == [FILE, HARD_LINK, FILE, SYMBOLIC_LINK, DIRECTORY, FILE]
    assert [view.get_size(number) for number in range(6)] == [3, 0, 2, 0, 0, 0]
    assert view.links.tolist() == [1, 0, 1, 1, 0, 0]
    assert view.sum_live_bytes() == (3, 0, 2)


def test_view_without_paths() -> None:
    """A copy without paths knows the layers, and what of them is seen, and nothing else."""
    view = stack([layer(Entry("a", b"1"), Entry("b", b"22")), layer(Entry(".wh.a"), Entry("c", b"333"))])
    bare = view.strip_paths()
    assert bare.layers is view.layers
    assert bare.links is view.links
    assert bare.locate(3) == (1, 1)
    assert bare.sum_live_bytes() == (2, 3)
    assert (bare.root.children, bare.losses) == ({}, {})


def test_layers_that_were_never_stacked() -> None:
    """A view whose layers have no numbers cannot be summed."""
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is shorter"):
        Filesystem((layer(Entry("a", b"1")),), offsets=()).sum_live_bytes()


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


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("x", 0),
        ("a/b/x", 1),
        ("a/b/../x", 2),
        ("a/b/../../x", 0),
        ("a/b/../../../x", 0),
        ("./a//b/./x", 1),
        ("a/from_root/x", 1),
        ("a/from_root/../../x", 0),
        ("a/from_here/x", 1),
        ("a/from_here/../x", 2),
        ("a/to_nothing/x", 2),
        ("a/gone/x", None),
        ("a/to_gone/x", None),
        ("a/x/x", None),
        ("a/to_file", 7),
        ("a/to_file/.", None),
    ],
)
def test_find(path: str, number: int | None) -> None:
    """A path leads where the kernel would go, whether its links begin at the root or where they lie."""
    view = stack(
        [
            layer(
                Entry("x", b"1"),
                Entry("a/b/x", b"1"),
                Entry("a/x", b"1"),
                symbolic_link("a/from_root", "/a/b"),
                symbolic_link("a/from_here", "../a/b"),
                symbolic_link("a/to_nothing", ""),
                symbolic_link("a/to_gone", "gone"),
                symbolic_link("a/to_file", "x"),
            )
        ]
    )
    assert view.find(path) == number


def test_most_links_on_the_way() -> None:
    """As in Linux, a path may run through forty links, and not through one more."""
    links = [symbolic_link(str(number), str(number - 1)) for number in range(2, 42)]
    view = stack([layer(Entry("1/x", b"1"), *links)])
    assert view.find("41/x") == 0
    view = stack([layer(Entry("1/x", b"1"), *links, symbolic_link("42", "41"))])
    assert view.find("42/x") is None


def test_deep_path() -> None:
    """The deepest path that Linux allows causes no deep recursion."""
    deep = "/".join("d" * 1 for _ in range(2000))
    contents = [layer(Entry(f"{deep}/a", b"1")), layer(Entry(f"{deep}/a", b"22")), layer(Entry(".wh.d"))]
    view = stack(contents)
    assert seen(view) == {}
    hold_bytes(contents, view)
