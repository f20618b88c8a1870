"""Tar archives that come as a stream: read once, forward only, in blocks, and never as a whole."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Protocol, cast

from weighbridge.sources.compression import Readable

BLOCK_BYTES = 2**20
"""How much is read at once: large enough that the loop costs nothing beside the bytes."""

MAX_HEADER_BYTES = 2**20
"""What one member's headers may take. Linux ends a path at 4 kB and an extended attribute at 64 kB."""


class Hash(Protocol):
    """What is told of all bytes that pass."""

    def update(self, block: bytes, /) -> None:
        """Take in the next bytes."""


class Meter(io.RawIOBase):
    """A raw stream that reports how many bytes have been read from it so far."""

    def __init__(self, source: BinaryIO, on_progress: Callable[[int], None] | None) -> None:
        self._source, self._on_progress, self._total = source, on_progress, 0

    def readable(self) -> bool:
        """Tell `io.BufferedReader` that it may read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer as far as the source has bytes."""
        view = memoryview(buffer)
        block = self._source.read(len(view))
        view[: len(block)] = block
        self._total += len(block)
        if self._on_progress:
            self._on_progress(self._total)
        return len(block)


class Tape:
    """A file for `tarfile` that only moves forward: a seek reads on, and what passes is hashed."""

    def __init__(self, source: Readable, digest: Hash | None = None) -> None:
        self._source, self._digest, self._position = source, digest, 0
        self._header_left = MAX_HEADER_BYTES
        self.last_header = b""

    def take(self, size: int) -> bytes:
        """Return the next bytes of a member's data."""
        block = self._source.read(size)
        self._position += len(block)
        if self._digest:
            self._digest.update(block)
        return block

    def drain(self) -> None:
        """Read to the end: the padding after an archive's last member belongs to its digest."""
        while self.take(BLOCK_BYTES):
            pass

    def read(self, size: int) -> bytes:
        """Return header bytes to `tarfile`, which would else read a header of any length into memory."""
        self._header_left -= size
        if self._header_left < 0:
            raise tarfile.ReadError("a header is too long")
        self.last_header = self.take(size)
        return self.last_header

    def seek(self, position: int) -> None:
        """Skip to a later position."""
        if position < self._position:
            raise tarfile.ReadError("a header leads backwards")
        while self._position < position and self.take(min(BLOCK_BYTES, position - self._position)):
            pass

    def tell(self) -> int:
        """Return how many bytes have passed."""
        return self._position

    def members(self) -> Iterator[tarfile.TarInfo]:
        """Yield the members of the archive; the data of each may be taken before the next is asked for.

        Raises:
            tarfile.TarError: A header is damaged, or the archive is cut off. `tarfile` itself takes the former for the
                end, except in the first member.
        """
        archive = tarfile.TarFile(fileobj=cast("BinaryIO", self), encoding="utf-8", errors="surrogateescape")
        while (member := archive.next()) is not None:
            if member.size < 0:
                raise tarfile.ReadError("a size is negative")
            yield member
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep every member to the end
            self._header_left = MAX_HEADER_BYTES
        if self.last_header.strip(b"\0"):
            raise tarfile.ReadError("a header is damaged")


class Part:
    """The data of one member of an archive; its first bytes can be seen before they are read."""

    def __init__(self, tape: Tape, size: int) -> None:
        self.head = self._unread = tape.take(min(size, tarfile.BLOCKSIZE))
        self._tape, self._left = tape, size - len(self.head)

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end of the data."""
        block, self._unread = self._unread[:size], self._unread[size:]
        wanted = min(size - len(block), self._left)
        more = self._tape.take(wanted)
        self._left -= len(more)
        if len(more) < wanted:
            raise EOFError("unexpected end of data")
        return block + more


def is_tar(head: bytes) -> bool:
    """Tell whether bytes begin with a tar header, or with the zeros that end a tar without members."""
    if len(head) < tarfile.BLOCKSIZE:
        return False
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the stubs leave it out
        return True
    except (tarfile.TarError, ValueError):
        return False
    return True
