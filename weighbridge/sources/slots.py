"""Reads layers at their places in an archive file, so that several can be read at once and the rest is passed over."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from weighbridge.sources.budget import Budget
from weighbridge.sources.processes.pool import Pool
from weighbridge.sources.tar.alone import ReadAlone
from weighbridge.sources.tar.gzip_estimate import Packer, PackHere, get_process
from weighbridge.sources.tar.headers import BLOCK_BYTES
from weighbridge.sources.tar.layer import ReadLayer, read_layer

Tell = Callable[[int], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFile:
    """A file that can be opened again, by other processes too."""

    path: str
    device: int
    inode: int

    def open(self) -> BinaryIO:
        """Open the file.

        Raises:
            OSError: It cannot be opened, or is another one now.
        """
        file = Path(self.path).open("rb", buffering=0)  # noqa: SIM115 - the caller closes it
        found = os.fstat(file.fileno())
        if (found.st_dev, found.st_ino) != (self.device, self.inode):
            file.close()
            raise OSError("the file was replaced while it was read")
        return file


def find_file(path: Path, file: BinaryIO) -> ArchiveFile | None:
    """Return the file that is open there; None if it can be read only once.

    So it is with a pipe, and with a file that no path leads to: one that was deleted, which /dev/fd still opens, or
    that is in the file system of another container, to which /proc leads.
    """
    found = os.fstat(file.fileno())
    if not S_ISREG(found.st_mode):
        return None
    there = ArchiveFile(path=os.path.realpath(path), device=found.st_dev, inode=found.st_ino)
    try:
        there.open().close()
    except OSError:
        return None
    return there


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The place of a layer."""

    name: str
    """Of its member in the archive."""
    begin: int
    size: int
    is_packed: bool


class _Slice:
    """A part of a file, as a stream."""

    def __init__(self, file: BinaryIO, slot: Slot, on_bytes: Tell) -> None:
        file.seek(slot.begin)
        self._file, self._left, self._on_bytes = file, slot.size, on_bytes

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end of the part.

        Raises:
            EOFError: The file ends before.
        """
        block, wanted = b"", min(size, self._left)
        while len(block) < wanted:
            piece = self._file.read(wanted - len(block))
            if not piece:
                raise EOFError("unexpected end of data")
            block = block + piece if block else piece
        self._left -= wanted
        self._on_bytes(wanted)
        return block


def read_all(
    file: ArchiveFile, slots: Sequence[Slot], budget: Budget, pool: Pool, on_bytes: Tell
) -> Iterator[tuple[Slot, Callable[[], ReadLayer]]]:
    """Yield each layer's place and a function that returns the layer, in their order.

    The function raises what `read_layer` raises for a layer that is damaged.
    """
    begun = dict[Slot, Callable[[], ReadLayer]]()
    if pool.is_worthwhile(slot.size for slot in slots):
        for slot in sorted(slots, key=lambda each: -each.size):
            begun[slot] = _begin(file, slot, budget, pool, on_bytes)
    for slot in slots:
        yield slot, begun.get(slot) or partial(_read_here, file, slot, budget, on_bytes)


def _begin(file: ArchiveFile, slot: Slot, budget: Budget, pool: Pool, on_bytes: Tell) -> Callable[[], ReadLayer]:
    future = pool.submit(read_slot_alone, file, slot, budget, on_bytes=on_bytes)

    def wait() -> ReadLayer:
        read: ReadAlone = future.result()
        budget.spend_all(read.spent)
        return read.layer

    return wait


def _read_here(file: ArchiveFile, slot: Slot, budget: Budget, on_bytes: Tell) -> ReadLayer:
    return _read_slot(file, slot, budget, get_process, on_bytes)


def read_slot_alone(file: ArchiveFile, slot: Slot, budget: Budget, tell: Tell) -> ReadAlone:
    """Read a layer in a process of its own."""
    before, packer = budget.spent, PackHere()
    layer = _read_slot(file, slot, budget, lambda: packer, tell)
    return ReadAlone(layer, budget.spent - before)


def _read_slot(
    file: ArchiveFile, slot: Slot, budget: Budget, get_packer: Callable[[], Packer], on_bytes: Tell
) -> ReadLayer:
    with file.open() as opened:
        head = _Slice(opened, slot, lambda _: None).read(BLOCK_BYTES)
        source = _Slice(opened, slot, on_bytes)
        return read_layer(source, head, budget=budget, get_packer=None if slot.is_packed else get_packer)
