"""Stacking layers of any entries shows what the simplest form of the same rules shows, a naive model."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.images import Entry
from tests.support.layers import directory, hard_link, hold_bytes, layer_of, symbolic_link
from weighbridge.image.filesystem import stack

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
    hold_bytes(contents, view)
    live = {(number, place): size for number, place, size in expected.values()}
    assert sum(view.sum_live_bytes()) == sum(live.values())
