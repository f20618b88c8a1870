"""Files whose holes a tar archive leaves out: the map of what is there, and the file as it was.

Source: GNU tar manual, "Storing Sparse Files": the old format, and versions 0.0, 0.1 and 1.0 of the PAX one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from weighbridge.sources.tar.headers import BLOCK_BYTES, DamagedArchive, Header, parse_number

Segment = tuple[int, int]
"""Where bytes of a file lie that are there, and how many: the rest are zeros."""
MAX_SEGMENTS = 200_000
"""Of one file."""
MAX_HOLES_BYTES = 2**34
"""What the holes of one file may hide: its zeros are made here, and a header can ask for any number of them."""
_MAP, _PARTS = "GNU.sparse.map", ("GNU.sparse.offset", "GNU.sparse.numbytes")
_IN_HEADER, _IN_BLOCK = slice(386, 482), slice(0, 504)
_ENTRY_BYTES = 24
_LINE_BYTES = 32
"""Of a number in decimal digits and the line feed behind it."""


class Tape(Protocol):
    """What of a tape is needed here."""

    @property
    def position(self) -> int:
        """How many bytes have been taken or skipped."""

    def take(self, size: int) -> bytes:
        """Return the next bytes; `EOFError` where the stream ends before."""

    def skip(self, size: int) -> None:
        """Pass over the next `size` bytes; raise `EOFError` if the stream ends before that."""


class SparsePart:
    """The data of a sparse member, its holes filled; its first bytes can be seen before they are read."""

    def __init__(self, tape: Tape, header: Header, segments: Sequence[Segment], stored: int) -> None:
        """Begin at the first byte of the file.

        Args:
            tape: Stands at the first byte that is stored.
            header: The member's.
            segments: What is there, in order.
            stored: How many bytes the archive has of the file.

        Raises:
            DamagedArchive: The map does not fit the file, or its holes hide too much.
        """
        _check(segments, header.size, stored)
        self._tape = tape
        self._pieces = _cut(segments, header.size)
        self._left, self._is_data = next(self._pieces)
        self._unread = b""
        self.head = self._unread = self.read(BLOCK_BYTES)

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end of the file."""
        block, self._unread = self._unread[:size], self._unread[size:]
        pieces, wanted = [block], size - len(block)
        while wanted and self._advance():
            count = min(wanted, self._left)
            pieces.append(self._tape.take(count) if self._is_data else bytes(count))
            self._left -= count
            wanted -= count
        return b"".join(pieces)

    def _advance(self) -> bool:
        """Go on to the next piece where one is used up; False at the end of the file."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._left, self._is_data = piece
        return True


def read_map(tape: Tape, block: bytes) -> tuple[Segment, ...]:
    """Return the map that an old GNU header begins and further blocks continue.

    Args:
        tape: Stands behind the header.
        block: The header.

    Raises:
        DamagedArchive: The map is too long, or has a text in place of a number.
    """
    found = [*_read_entries(block[_IN_HEADER])]
    goes_on = block[482]
    while goes_on:
        more = tape.take(BLOCK_BYTES)
        found += _read_entries(more[_IN_BLOCK])
        goes_on = more[504]
        if len(found) > MAX_SEGMENTS:
            raise DamagedArchive("the map of a sparse file is too long")
    return tuple(found)


def merge_parts(records: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return PAX records by key, with the map in one record.

    Version 0.0 has no map, but repeats the records for offset and size, once for each part of the file that is stored.
    """
    found, parts = dict[str, str](), list[str]()
    for key, value in records:
        if key in _PARTS:
            parts.append(value)
        else:
            found[key] = value
    return found | {_MAP: ",".join(parts)} if parts else found


def parse_map(records: Mapping[str, str]) -> tuple[Segment, ...] | None:
    """Return the map that PAX records hold, of versions 0.0 and 0.1; None where they hold none.

    Raises:
        DamagedArchive: The map has a text in place of a number.
    """
    text = records.get(_MAP)
    if text is None:
        return None
    numbers = text.split(",") if text else []
    if len(numbers) % 2 or len(numbers) > 2 * MAX_SEGMENTS:
        raise DamagedArchive("the map of a sparse file is damaged")
    values = [_parse_decimal(each) for each in numbers]
    return tuple((values[at], values[at + 1]) for at in range(0, len(values), 2))


def open_member(tape: Tape, header: Header) -> SparsePart:
    """Return a sparse member's data; the tape stands at the first byte that is stored of it.

    Raises:
        DamagedArchive: Its map is damaged, or does not fit the file.
    """
    if header.segments is not None:
        return SparsePart(tape, header, header.segments, header.stored)
    begin = tape.position
    count = _parse_decimal(_read_line(tape))
    if count > MAX_SEGMENTS:
        raise DamagedArchive("the map of a sparse file is too long")
    segments = [(_parse_decimal(_read_line(tape)), _parse_decimal(_read_line(tape))) for _ in range(count)]
    tape.skip(-(tape.position - begin) % BLOCK_BYTES)
    return SparsePart(tape, header, segments, header.stored - (tape.position - begin))


def _read_entries(data: bytes) -> Iterator[Segment]:
    for at in range(0, len(data), _ENTRY_BYTES):
        entry = data[at : at + _ENTRY_BYTES]
        if entry.strip(b"\0"):
            yield parse_number(entry[:12]), parse_number(entry[12:])


def _read_line(tape: Tape) -> str:
    """Return the next line of the map that version 1.0 has before the data, or the beginning of one without end.

    Such a beginning is longer than any number.
    """
    text = b""
    for _ in range(_LINE_BYTES):
        sign = tape.take(1)
        if sign == b"\n":
            break
        text += sign
    return text.decode(errors="replace")


def _parse_decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < _LINE_BYTES):
        raise DamagedArchive("the map of a sparse file is damaged")
    return int(text)


def _check(segments: Sequence[Segment], size: int, stored: int) -> None:
    end = total = 0
    for offset, count in segments:
        if offset < end or count < 0 or offset + count > size:
            raise DamagedArchive("the map of a sparse file does not fit it")
        end, total = offset + count, total + count
    if total != stored:
        raise DamagedArchive("the map of a sparse file does not fit what is stored of it")
    if size - total > MAX_HOLES_BYTES:
        raise DamagedArchive(f"a sparse file has holes of more than {MAX_HOLES_BYTES} bytes")


def _cut(segments: Sequence[Segment], size: int) -> Iterator[tuple[int, bool]]:
    """Yield the pieces of a file: how many bytes, and whether they are stored."""
    at = 0
    for offset, count in segments:
        yield offset - at, False
        yield count, True
        at = offset + count
    yield size - at, False
