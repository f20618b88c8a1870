"""Stacking layers shows which files a container sees, and what is lost and why; checked against a naive model."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.images import Entry
from tests.support.layers import directory, hard_link, layer, layer_of, symbolic_link
from weighbridge.image.filesystem import Filesystem, stack
from weighbridge.image.layer import LayerContent


def seen(view: Filesystem) -> dict[str, int]:
    """Return the files that are seen, by path, with their sizes."""
    return {path: view.get_size(number) for path, number in view.iterate_files()}


def lost(view: Filesystem) -> set[tuple[str, int, int, int, str]]:
    """Return what was lost: cause, bytes, the layers that shipped and hid them, and the path."""
    return {
        (loss.cause.name, loss.size_bytes, loss.shipped_by, loss.cause.killed_by, loss.path)
        for loss in view.losses.values()
    }


def hold(layers: Sequence[LayerContent], view: Filesystem) -> None:
    """Check what must hold for every stack: each shipped byte is either seen or lost."""
    live = view.sum_live_bytes()
    wasted = [0] * len(layers)
    for loss in view.losses.values():
        wasted[loss.shipped_by] += loss.size_bytes
    assert [content.shipped_bytes for content in layers] == [a + b for a, b in zip(live, wasted, strict=True)]
    assert sum(live) == sum({number: view.get_size(number) for _, number in view.iterate_files()}.values())


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
    hold(contents, view)


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
    hold(contents, view)


NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TARGETS = st.sampled_from(["a", "b/c", "../a", "/c", "..", ".", "gone", "a/b/c"])
ENTRIES = st.one_of(
    st.builds(Entry, PATHS, st.sampled_from([b"1", b"22", b"two", b""])),
    PATHS.map(directory),
    st.builds(symbolic_link, PATHS, TARGETS),
    st.builds(hard_link, PATHS, PATHS),
    st.builds(lambda path, name: Entry(f"{path}/.wh.{name}"), PATHS, NAMES),
    NAMES.map(lambda name: Entry(f".wh.{name}")),
    PATHS.map(lambda path: Entry(f"{path}/.wh..wh..opq")),
)
LAYERS = st.lists(st.lists(ENTRIES, max_size=8), max_size=4)


class Naive:
    """The same rules in the simplest form: one flat dictionary from paths to entries, copied for each layer."""

    def __init__(self) -> None:
        self.things: dict[str, tuple[str, object]] = {}

    def real(self, path: str, left: int = 41) -> str | None:
        """Return where a path leads after all links are followed; None if it leads nowhere."""
        at: list[str] = []
        for position, name in enumerate(parts := path.split("/")):
            if name in ("", "."):
                continue
            if name == "..":
                at = at[:-1]
                continue
            kind, target = self.things.get("/".join([*at, name]), ("", ""))
            if kind == "link":
                if left <= 1:
                    return None
                rest = "/".join([str(target), *parts[position + 1 :]])
                start = "" if str(target).startswith("/") else "/".join(at) + "/"
                return self.real(start + rest, left - 1)
            if kind == "":
                return None
            if kind == "file" and position < len(parts) - 1:
                return None
            at.append(name)
        return "/".join(at)

    def under(self, path: str) -> Iterator[str]:
        """Yield everything below a path."""
        yield from [each for each in self.things if each.startswith(f"{path}/")]

    def remove(self, path: str) -> None:
        """Remove an entry and everything below it."""
        for each in [path, *self.under(path)]:
            self.things.pop(each, None)


def join(folder: str, name: str) -> str:
    """Return the path of a name in a folder."""
    return f"{folder}/{name}" if folder else name


def own_folder(below: Naive, own: Naive, path: str) -> str:
    """Return a folder of a layer itself, and make it if it is missing, also where a link of its own leads below."""
    folder = ""
    lexical = ""
    for name in path.split("/") if path else ():
        lexical = join(lexical, name)
        real = own.real(lexical)
        if real is None or (real and own.things[real][0] != "dir"):
            real = join(folder, name)
            kind, target = own.things.get(real, ("", ""))
            led = posixpath.normpath(posixpath.join("/", lexical, "..", str(target))).strip("/")
            if kind == "link" and led and leads_below(below, own, led):
                real = own_folder(below, own, led)
            else:
                own.remove(real)
                own.things[real] = ("dir", None)
        folder = real
    return folder


def leads_below(below: Naive, own: Naive, path: str) -> bool:
    """Tell whether a path is that of a folder below, and nothing in a layer itself stands in its way."""
    there = below.real(path)
    names = path.split("/")
    above = {"/".join(names[:count]) for count in range(1, len(names) + 1)}
    free = all(own.things.get(each, ("dir",))[0] in ("dir", "marker") for each in above)
    return free and there is not None and (not there or below.things[there][0] == "dir")


def linked(below: Naive, own: Naive, path: str) -> tuple[str, object] | None:
    """Return what a hard link leads to, in its own layer or in a lower one; None if that is a folder."""
    folder, _, name = path.rpartition("/")
    for where in (own, below):
        parent = where.real(folder)
        found = None if parent is None else where.things.get(join(parent, name))
        if found:
            return None if found[0] == "dir" else found
    return None


@dataclass
class NaiveLayer:
    """One layer, unpacked into an empty folder."""

    own: Naive = field(default_factory=Naive)
    """Markers are things too: they go with their folder."""

    def add(self, below: Naive, entry: Entry, thing: tuple[str, object] | None) -> None:
        """Take in one entry; `thing` is what it stands for."""
        path, _, name = entry.name.rpartition("/")
        folder = own_folder(below, self.own, path)
        target = join(folder, name)
        if name.startswith(".wh."):
            self.own.things[target] = ("marker", name)
        else:
            if entry.type == tarfile.LNKTYPE:
                thing = linked(below, self.own, entry.target)
            there = self.own.things.get(target, ("",))[0]
            if thing and not (thing[0] == there == "dir"):
                self.own.remove(target)
                self.own.things[target] = thing

    def lay_over(self, below: Naive) -> None:
        """Hide what the markers name, then put this layer's entries in place."""
        markers = {path for path, thing in self.own.things.items() if thing[0] == "marker"}
        for path in markers:
            folder, _, name = path.rpartition("/")
            if name != ".wh..wh..opq":
                below.remove(join(folder, name.removeprefix(".wh.")))
                continue
            for each in list(below.things) if not folder else below.under(folder):
                below.things.pop(each, None)
        for path, thing in sorted(self.own.things.items()):
            if path in markers:
                continue
            if not (thing[0] == "dir" and below.things.get(path, ("",))[0] == "dir"):
                below.remove(path)
            below.things[path] = thing


def naive(layers: Sequence[Sequence[Entry]]) -> dict[str, tuple[int, int, int]]:
    """Return the files that are seen: path -> layer and place of the entry with the bytes, and their number."""
    below = Naive()
    for number, entries in enumerate(layers):
        layer = NaiveLayer()
        for place, entry in enumerate(entries):
            kinds = {tarfile.DIRTYPE: ("dir", None), tarfile.SYMTYPE: ("link", entry.target)}
            layer.add(below, entry, kinds.get(entry.type, ("file", (number, place, len(entry.data)))))
        layer.lay_over(below)
    return {path: thing[1] for path, thing in below.things.items() if thing[0] == "file"}  # type: ignore[misc]


@given(LAYERS)
@settings(max_examples=25 * settings.default.max_examples)  # type: ignore[union-attr]
def test_any_layers(layers: list[list[Entry]]) -> None:
    """The naive model sees exactly the same entries, and every shipped byte is either seen or lost."""
    contents = [layer_of(entries) for entries in layers]
    view = stack(contents)
    expected = naive(layers)
    assert {path: view.locate(number) for path, number in view.iterate_files()} == {
        path: (number, place) for path, (number, place, _) in expected.items()
    }
    hold(contents, view)
    live = {(number, place): size for number, place, size in expected.values()}
    assert sum(view.sum_live_bytes()) == sum(live.values())
