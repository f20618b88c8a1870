"""Stacks layers into the filesystem that a container sees, and records which bytes it no longer sees, and why.

The rules are those of the OCI image-spec, layer.md, "Applying Changesets", as engines apply them. A layer is first
unpacked into an empty folder, where its paths may run through its own links, and then laid over the layers below.
Therefore a marker hides only files of lower layers, whatever its position in the archive. A hard link is another name
for the same bytes; a container sees them as long as one name is left.
"""

from __future__ import annotations

import posixpath
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, compress
from sys import intern
from typing import Final

from weighbridge.image.layer import DIRECTORY, FILE, HARD_LINK, OPAQUE, SYMBOLIC_LINK, WHITEOUT, Entry, LayerContent
from weighbridge.model.report import WasteCause

DELETED_FILE: Final = "deleted-file"
DELETED_DIRECTORY: Final = "deleted-directory"
OPAQUE_DIRECTORY: Final = "opaque-directory"
REPLACED: Final = "replaced"
METADATA_ONLY: Final = "metadata-only"
_MAX_LINKS = 40
"""As in Linux: a path that runs through more symbolic links than this cannot be resolved."""


class Directory:
    """A directory. Each name stands for a directory or for the number of an entry."""

    __slots__ = ("children", "opaque", "whiteouts")

    def __init__(self) -> None:
        self.children: dict[str, Directory | int] = {}
        self.whiteouts: list[str] = []
        self.opaque = False


@dataclass(frozen=True, slots=True)
class Cause:
    """Why bytes are no longer seen: one for all the bytes that one change at one path hid."""

    name: WasteCause
    killed_by: int
    """Index of the layer that hid them."""
    path: str
    """The deleted or hidden path; for replaced files, their folder."""


@dataclass(slots=True)
class Loss:
    """The bytes that one layer shipped in vain because of one cause."""

    cause: Cause
    shipped_by: int
    size_bytes: int = 0
    file_count: int = 0
    path: str = ""
    """The file, if there is only one; otherwise the cause's path."""


@dataclass(slots=True)
class Filesystem:
    """The merged view of layers. Entries are numbered across all layers: see `locate`."""

    layers: tuple[LayerContent, ...]
    root: Directory = field(default_factory=Directory)
    losses: dict[tuple[Cause, int], Loss] = field(default_factory=dict)
    offsets: tuple[int, ...] = ()
    links: array[int] = field(default_factory=lambda: array("i"))
    """For each entry, by number: how many names a container sees for it."""

    def locate(self, number: int) -> tuple[int, int]:
        """Return an entry's layer and its index in that layer."""
        layer = bisect_right(self.offsets, number) - 1
        return layer, number - self.offsets[layer]

    def get_kind(self, number: int) -> int:
        """Return an entry's kind, one of those in `layer`."""
        layer, index = self.locate(number)
        return self.layers[layer].kinds[index]

    def get_size(self, number: int) -> int:
        """Return the bytes of a regular file; 0 for any other entry."""
        layer, index = self.locate(number)
        return self.layers[layer].sizes[index]

    def iterate_files(self) -> Iterator[tuple[str, int]]:
        """Yield the path and number of every regular file that is seen, once for each of its names."""
        waiting, kinds = [("", self.root)], b"".join(content.kinds for content in self.layers)
        while waiting:
            path, directory = waiting.pop()
            for name, node in directory.children.items():
                if isinstance(node, Directory):
                    waiting.append((f"{path}{name}/", node))
                elif kinds[node] == FILE:
                    yield path + name, node

    def find(self, path: str) -> Directory | int | None:
        """Return what a path leads to. Links on the way are followed, but a link at the end is not."""
        return _find(self, self.root, path)

    def strip_paths(self) -> Filesystem:
        """Return a copy with only the layers and link counts, a few bytes per file, for callers that need no paths."""
        return Filesystem(self.layers, offsets=self.offsets, links=self.links)

    def sum_live_bytes(self) -> tuple[int, ...]:
        """Return for each layer how many of its bytes are seen."""
        return tuple(
            sum(compress(content.sizes, self.links[offset : offset + content.entry_count]))
            for content, offset in zip(self.layers, self.offsets, strict=True)
        )


def stack(layers: Sequence[LayerContent]) -> Filesystem:
    """Return the merged view of layers, which are given oldest first."""
    offsets = tuple(accumulate((layer.entry_count for layer in layers), initial=0))
    merged = Filesystem(tuple(layers), offsets=offsets[:-1])
    merged.links.frombytes(bytes(merged.links.itemsize * offsets[-1]))
    for index in range(len(layers)):
        _Layer(merged, index).apply()
    return merged


class _Layer:
    """Adds one layer to the merged view."""

    def __init__(self, merged: Filesystem, index: int) -> None:
        self._merged, self._index, self._own = merged, index, Directory()
        self._parent_path, self._parent = "", self._own

    def apply(self) -> None:
        """Unpack the layer into an empty folder, then lay it over the merged view."""
        number = self._merged.offsets[self._index]
        for entry in self._merged.layers[self._index].iterate_entries():
            if entry.path:
                self._unpack(entry, number)
            number += 1
        self._lay_over()

    def _unpack(self, entry: Entry, number: int) -> None:
        path, kind = entry.path, entry.kind
        folder, _, name = path.rpartition("/")
        if folder != self._parent_path:
            self._parent, self._parent_path = self._make_folder(folder), folder
        parent, name = self._parent, intern(name)  # a name such as __init__.py comes thousands of times
        if name.startswith(WHITEOUT):
            if name == OPAQUE:
                parent.opaque = True
            elif not name.startswith(WHITEOUT * 2) and name != WHITEOUT:  # storage drivers use those themselves
                parent.whiteouts.append(name.removeprefix(WHITEOUT))
            return
        old = parent.children.get(name)
        if kind == DIRECTORY:
            if not isinstance(old, Directory):
                self._place(parent, name, Directory(), path)
        elif kind == HARD_LINK:
            self._link(parent, name, entry)
        else:
            self._merged.links[number] = 1
            self._place(parent, name, number, path)

    def _link(self, parent: Directory, name: str, entry: Entry) -> None:
        target = entry.target.rstrip("/")
        found = _find(self._merged, self._own, target)
        if found is None:
            found = self._merged.find(target)  # in a lower layer: nothing there is hidden yet
        if isinstance(found, int):
            self._merged.links[found] += 1
            self._place(parent, name, found, entry.path)

    def _place(self, parent: Directory, name: str, node: Directory | int, path: str) -> None:
        """Put an entry at a path, and drop what an earlier entry of the same archive put there."""
        if (old := parent.children.get(name)) is not None:
            self._parent_path, self._parent = "", self._own  # the remembered folder may be gone
            self._drop(old, REPLACED, path, node)
        parent.children[name] = node

    def _make_folder(self, folder: str) -> Directory:
        """Return a folder of this layer. Missing parents are made, and parents that are not folders become folders."""
        directory, names = self._own, folder.split("/") if folder else []
        for depth, name in enumerate(names, 1):
            there = directory.children.get(name)
            if isinstance(there, int):  # perhaps a link to a folder; only such a name needs the walk from the root
                path = "/".join(names[:depth])
                there = _find(self._merged, self._own, f"{path}/.") or self._follow_below(there, path)
            if not isinstance(there, Directory):
                there = Directory()
                self._place(directory, name, there, "/".join(names[:depth]))
            directory = there
        return directory

    def _follow_below(self, link: int, path: str) -> Directory | None:
        """Make the folder where a link of this layer leads, if a lower layer has it, as kaniko's whiteouts need it."""
        layer, index = self._merged.locate(link)
        text, directory = self._merged.layers[layer].targets.get(index, ""), self._own
        target = posixpath.normpath(posixpath.join("/", path, "..", text)).strip("/")
        if not (text and target and isinstance(self._merged.find(f"{target}/."), Directory)):
            return None
        for name in target.split("/"):
            if isinstance(there := directory.children.setdefault(name, Directory()), int):
                return None
            directory = there
        return directory

    def _lay_over(self) -> None:
        waiting = [("", self._merged.root, self._own)]
        while waiting:
            path, lower, upper = waiting.pop()
            self._hide(path, lower, upper)
            for name, node in upper.children.items():
                old = lower.children.get(name)
                if isinstance(old, Directory) and isinstance(node, Directory):
                    waiting.append((f"{path}{name}/", old, node))
                    continue
                if old is not None:
                    self._drop(old, REPLACED, path + name, node)
                lower.children[name] = node

    def _hide(self, path: str, lower: Directory, upper: Directory) -> None:
        """Remove from a lower folder what the markers of the upper folder name."""
        if upper.opaque:
            hidden, lower.children = lower.children, {}
            for node in hidden.values():
                self._drop(node, OPAQUE_DIRECTORY, path.rstrip("/"))
        for name in upper.whiteouts:
            if name in lower.children:
                node = lower.children.pop(name)
                self._drop(node, DELETED_DIRECTORY if isinstance(node, Directory) else DELETED_FILE, path + name)

    def _drop(
        self, node: Directory | int, why: WasteCause, path: str, successor: Directory | int | None = None
    ) -> None:
        """Remove a name, and all names below it."""
        if isinstance(node, int):
            if successor is not None and self._has_same_bytes(node, successor):
                why = METADATA_ONLY
            folder = path if why == OPAQUE_DIRECTORY else path.rpartition("/")[0]
            self._unlink(node, Cause(why, self._index, folder), path)
            return
        cause, waiting = Cause(why, self._index, path), [node]
        while waiting:
            for child in waiting.pop().children.values():
                if isinstance(child, Directory):
                    waiting.append(child)
                else:
                    self._unlink(child, cause, path)

    def _has_same_bytes(self, old: int, new: Directory | int) -> bool:
        """Tell whether two files hold the same bytes."""
        return not isinstance(new, Directory) and self._describe_content(old) == self._describe_content(new)

    def _describe_content(self, number: int) -> tuple[int, int, int]:
        layer, index = self._merged.locate(number)
        content = self._merged.layers[layer]
        return content.kinds[index], content.sizes[index], content.digests[index]

    def _unlink(self, number: int, cause: Cause, path: str) -> None:
        self._merged.links[number] -= 1
        size = 0 if self._merged.links[number] else self._merged.get_size(number)
        if size:
            key = (cause, self._merged.locate(number)[0])
            loss = self._merged.losses.setdefault(key, Loss(*key))
            loss.size_bytes += size
            loss.file_count += 1
            loss.path = cause.path if loss.file_count > 1 else path


def _find(view: Filesystem, root: Directory, path: str) -> Directory | int | None:
    """Return what a path from `root` leads to. A link at the end is followed only if `/.` comes after it."""
    names, at, trail, followed = path.split("/")[::-1], root, list[Directory](), 0
    while names:
        name = names.pop()
        if name in ("", "."):
            continue
        if name == "..":
            at = trail.pop() if trail else root
            continue
        node = at.children.get(name)
        if isinstance(node, Directory):
            trail.append(at)
            at = node
        elif node is None or not names:
            return node
        elif view.get_kind(node) != SYMBOLIC_LINK or followed >= _MAX_LINKS:
            return None
        else:
            followed += 1
            layer, index = view.locate(node)
            target = view.layers[layer].targets.get(index, "")
            if target.startswith("/"):
                at, trail = root, []
            names += target.split("/")[::-1]
    return at
