"""Reads a tar archive as a stream: once, forward, in chunks, and never as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from os import SEEK_END
from typing import BinaryIO

from weighbridge.image.layer import FILE
from weighbridge.sources.tar.compression import Readable
from weighbridge.sources.tar.headers import (
    BLOCK_BYTES,
    DamagedArchive,
    Header,
    apply_records,
    decode,
    iterate_pax_records,
    parse_pax_records,
    settle_kind,
)
from weighbridge.sources.tar.sparse import merge_parts, parse_map, read_map

CHUNK_BYTES = 2**17
"""How much to read at once: so much that the loop's own cost is negligible."""

MAX_HEADER_BYTES = 2**20
"""Limit on one member's headers. Linux limits a path to 4 kB and an extended attribute to 64 kB."""

_SPARSE = {"GNU.sparse.major", "GNU.sparse.realsize", "GNU.sparse.size"}
"""PAX records that a sparse file has."""
_LONG_NAME, _LONG_LINK, _EXTENDED, _GLOBAL = b"L", b"K", frozenset((b"x", b"X")), b"g"
_WITH_RECORDS = frozenset((_LONG_NAME, _LONG_LINK, *_EXTENDED, _GLOBAL))
_SELF_CONTAINED = frozenset((b"0", b"1", b"2", b"5"))
"""Types of members that a header alone describes, if none with records comes before."""

Tap = Callable[[bytes], object]
"""Called with all bytes that pass, in chunks of `CHUNK_BYTES`; only the last one may be shorter."""


PassOver = Callable[[int], int]
"""Takes how many bytes to pass over; returns how many there were, fewer only at the end."""


class Meter:
    """A stream that reports how many bytes have been read from it; `head` has its first bytes before they are read.

    An `io.BufferedReader` would copy each chunk twice more, which takes as long as the reading itself.
    """

    def __init__(self, source: Readable, on_progress: Callable[[int], None] | None) -> None:
        self._source, self._on_progress, self._total = source, on_progress, 0
        self.head = self._unread = self._fill(BLOCK_BYTES)

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        if not self._unread:
            return self._fill(size)
        block, self._unread = self._unread[:size], self._unread[size:]
        return block + self._fill(size - len(block))

    def pass_over(self, file: BinaryIO, size: int) -> int:
        """Pass over bytes of the source, which is a file; return how many there were."""
        block, self._unread = self._unread[:size], self._unread[size:]
        begin = file.tell()
        end = min(begin + size - len(block), file.seek(0, SEEK_END))
        file.seek(end)
        return len(block) + end - begin

    def _fill(self, size: int) -> bytes:
        block = self._source.read(size)
        while len(block) < size and (more := self._source.read(size - len(block))):
            block += more
        self.count(len(block))
        return block

    def count(self, size: int) -> None:
        """Report bytes that were read."""
        self._total += size
        if self._on_progress:
            self._on_progress(self._total)


class Tape:
    """A stream that only moves forward, and the members of the tar archive on it."""

    def __init__(self, source: Readable, taps: Sequence[Tap] = (), pass_over: PassOver | None = None) -> None:
        """Begin at the source's first byte.

        Args:
            source: The stream.
            taps: Called with what is read.
            pass_over: Passes over bytes of the source that are skipped here; None: they are read, too.
        """
        self._source, self._taps, self._pass_over = source, taps, pass_over
        self._chunk, self._at, self._passed = b"", 0, 0

    @property
    def position(self) -> int:
        """How many bytes `take`, `iterate_pieces` and `skip` have passed."""
        return self._passed + self._at

    def _load_next(self) -> bool:
        """Load the next chunk when one is used up; return False at the end of the stream."""
        self._passed += len(self._chunk)
        self._chunk, self._at = self._source.read(CHUNK_BYTES), 0
        for tap in self._taps:
            tap(self._chunk)
        return bool(self._chunk)

    def iterate_pieces(self, size: int) -> Iterator[memoryview]:
        """Yield the next bytes piece by piece, as the chunks divide them.

        Raises:
            EOFError: The stream ends too early.
        """
        while size:
            if self._at == len(self._chunk) and not self._load_next():
                raise EOFError("unexpected end of data")
            piece = memoryview(self._chunk)[self._at : self._at + size]
            self._at += len(piece)
            size -= len(piece)
            yield piece

    def take(self, size: int) -> bytes:
        """Return the next bytes; raise `EOFError` if the stream ends too early."""
        end = self._at + size
        taken = self._chunk[self._at : end]
        if len(taken) != size:
            return b"".join(self.iterate_pieces(size))
        self._at = end
        return taken

    def skip(self, size: int) -> None:
        """Skip the next bytes; raise `EOFError` if the stream ends too early."""
        if not self._try_skip(size):
            raise EOFError("unexpected end of data")

    def _try_skip(self, size: int) -> bool:
        """Skip the next bytes; return False if the stream ends too early."""
        self._at += size
        if self._pass_over and self._at > len(self._chunk):
            beyond, self._passed = self._at - len(self._chunk), self._passed + self._at
            self._chunk, self._at = b"", 0
            missing = beyond - self._pass_over(beyond)
            self._passed -= missing
            return not missing
        while (beyond := self._at - len(self._chunk)) > 0:
            if not self._load_next():
                return False
            self._at = beyond
        return True

    def drain(self) -> None:
        """Read to the end: the bytes after an archive's last member belong to its digest too."""
        while self._load_next():
            pass

    def iterate_members(self) -> Iterator[Header]:
        """Yield the members of the archive. The caller may take the data of each before it asks for the next.

        Raises:
            DamagedArchive: A header is damaged.
            EOFError: The archive is cut off within a member.
        """
        everywhere = dict[str, str]()
        while (header := self._read_member(everywhere)) is not None:
            begin = self._passed + self._at
            yield header
            gap = begin + _pad(header.stored) - self._passed - self._at
            if self._at + gap <= len(self._chunk):
                self._at += gap
            elif not self._try_skip(gap) and self.position < begin + header.stored:
                raise EOFError("unexpected end of data")  # umoci's archives just do not fill up the last block

    def _read_member(self, everywhere: dict[str, str]) -> Header | None:
        """Return the next member's header, with the extended headers before it applied; None at the archive's end."""
        records, budget = dict(everywhere), MAX_HEADER_BYTES
        while block := self._read_block():
            header = decode(block)
            budget -= BLOCK_BYTES + (header.stored if header.type in _WITH_RECORDS else 0)
            if budget < 0:
                raise DamagedArchive("a header is too long")
            if header.type in _SELF_CONTAINED and not records:
                return header
            if header.type in _EXTENDED:
                records |= merge_parts(iterate_pax_records(self._read_data(header)))
            elif header.type == _GLOBAL:
                everywhere |= parse_pax_records(self._read_data(header))
                records = everywhere | records
            elif header.type == _LONG_NAME:
                records["path"] = _decode_name(self._read_data(header))
            elif header.type == _LONG_LINK:
                records["linkpath"] = _decode_name(self._read_data(header))
            else:
                segments = read_map(self, block) if header.type == b"S" else parse_map(records)
                if records:
                    header = apply_records(header, records)
                whole = settle_kind(header)
                if segments is None and not _SPARSE & records.keys():
                    return whole
                return whole._replace(segments=segments, is_sparse=whole.kind == FILE)
        return None

    def _read_block(self) -> bytes:
        """Return the next header block; empty at the end, which is a zero block or, in some archives, no block."""
        if self._at == len(self._chunk) and not self._load_next():
            return b""
        block = self.take(BLOCK_BYTES)
        return block if block[0] or block.strip(b"\0") else b""

    def _read_data(self, header: Header) -> bytes:
        data = self.take(header.stored)
        self.skip(_pad(header.stored) - header.stored)
        return data


class Part:
    """The data of one member of an archive; `head` has its first bytes before they are read."""

    def __init__(self, tape: Tape, size: int) -> None:
        self.head = self._unread = tape.take(min(size, BLOCK_BYTES))
        self._tape, self._left = tape, size - len(self.head)

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end of the data."""
        block, self._unread = self._unread[:size], self._unread[size:]
        wanted = min(size - len(block), self._left)
        self._left -= wanted
        return block + self._tape.take(wanted)


def _pad(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES


def _decode_name(data: bytes) -> str:
    return data.partition(b"\0")[0].decode(errors="surrogateescape")
