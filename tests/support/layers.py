"""Layers for tests, read from real tar archives of a few entries."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

from tests.support.images import Entry, tar_of
from weighbridge.image.filesystem import Filesystem
from weighbridge.image.layer import LayerContent
from weighbridge.sources.tar.layer import read_layer


def layer(*entries: Entry) -> LayerContent:
    """Return what a layer with these entries holds."""
    return layer_of(entries)


def layer_of(entries: Sequence[Entry]) -> LayerContent:
    """Return what a layer with these entries holds."""
    data = tar_of(entries)
    return read_layer(io.BytesIO(data), data[:512]).content


def directory(name: str) -> Entry:
    """Return a directory's entry."""
    return Entry(name, type=tarfile.DIRTYPE)


def symbolic_link(name: str, target: str) -> Entry:
    """Return a symbolic link's entry."""
    return Entry(name, type=tarfile.SYMTYPE, target=target)


def hard_link(name: str, target: str) -> Entry:
    """Return a hard link's entry."""
    return Entry(name, type=tarfile.LNKTYPE, target=target)


def hold_bytes(layers: Sequence[LayerContent], view: Filesystem) -> None:
    """Check what must hold for every stack: each shipped byte is either seen or lost."""
    live = view.sum_live_bytes()
    wasted = [0] * len(layers)
    for loss in view.losses.values():
        wasted[loss.shipped_by] += loss.size_bytes
    assert [content.shipped_bytes for content in layers] == [a + b for a, b in zip(live, wasted, strict=True)]
    assert sum(live) == sum({number: view.get_size(number) for _, number in view.iterate_files()}.values())


def entries_below(root: Path) -> list[Entry]:
    """Return all that lies below a folder as entries; a second name of a file is a hard link."""
    entries, names = list[Entry](), dict[int, str]()
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            entries.append(symbolic_link(name, str(path.readlink())))
        elif path.is_dir():
            entries.append(directory(name))
        elif (inode := path.stat().st_ino) in names:
            entries.append(hard_link(name, names[inode]))
        else:
            names[inode] = name
            entries.append(Entry(name, path.read_bytes()))
    return entries
