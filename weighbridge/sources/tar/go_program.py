"""The module information in a Go program, found while the program's bytes pass by.

Sources: Go's `debug/buildinfo`, `cmd/link` and `cmd/go/internal/modload`; the ELF specification. Since Go 1.18 the
linker writes the information behind a mark in a segment for data. Before, it wrote two addresses there, and the
information lay among the program's constants, between two marks of its own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from weighbridge.image.packages.go import MARK, MAX_INFO_BYTES

HEAD_BYTES = 4096
"""How many bytes of a file `search_program` needs."""
_ELF = b"\x7fELF"
_LOADED, _READ_ONLY_LATER, _EXECUTABLE, _WRITABLE = 1, 0x6474E552, 1, 2
_START, _END = bytes.fromhex("3077af0c9274080241e1c107e6d618e6"), bytes.fromhex("f932433186182072008242104116d8f2")
"""What stands before and after module information."""
_CONSTANT = _START + b"path\t"
"""How such a constant begins. A longer mark is found faster."""
_HAS_BUILD_ID = b"Go\0\0"
"""The name of the note with the build ID, among the first bytes. Go's linker leaves it out only with `-buildid=`."""
_ALIGNMENT, _INLINE, _PREFIX_BYTES = 16, 2, 32
_GOES_ON = 0x80
_NEVER = 2**64
_LONGEST = _PREFIX_BYTES + 2**10 + MAX_INFO_BYTES


class _Layout(NamedTuple):
    """Where an ELF file's header says what segments there are, and the fields of a segment's own."""

    table: str
    segment: str
    kind: int
    flags: int
    offset: int
    size: int


_LAYOUTS = {
    b"\1": _Layout("28xI10xHH", "8I", 0, 6, 1, 4),
    b"\2": _Layout("32xQ14xHH", "2I6Q", 0, 1, 2, 5),
}
_ORDERS = {b"\1": "<", b"\2": ">"}


@dataclass(frozen=True, slots=True)
class _Range:
    """Bytes of a file to search."""

    begin: int
    end: int
    mark: bytes


def search_program(head: bytes) -> ProgramSearch | None:
    """Begin a search in the file that begins with `head`. Return None if it cannot be a Go program."""
    ranges = sorted(_find_ranges(head), key=lambda part: part.begin) if head.startswith(_ELF) else []
    return ProgramSearch(ranges) if ranges else None


class ProgramSearch:
    """A search in one file for its module information."""

    def __init__(self, ranges: list[_Range]) -> None:
        self._ranges, self._position, self._next, self._tail = ranges, 0, ranges[0].begin, b""
        self._found = {MARK: _Gathered(), _CONSTANT: _Gathered()}
        self._gathers = list[_Gathered]()

    def feed(self, piece: bytes | memoryview) -> None:
        """Take in the next bytes of the file, from its first."""
        begin, self._position = self._position, self._position + len(piece)
        if self._gathers:
            self._gathers = [gathered for gathered in self._gathers if gathered.add(piece)]
        while self._next < self._position:
            part = self._ranges[0]
            if not self._look(part, begin, piece) and part.end > self._position:
                return
            self._ranges.pop(0)
            self._next = self._ranges[0].begin if self._ranges else _NEVER
            self._tail = b""

    def build_document(self) -> bytes:
        """Return the document that `image.packages.go` reads; empty if the file is not a Go program."""
        info = bytes(self._found[MARK].data)
        if len(info) < _PREFIX_BYTES:
            return b""
        if info[15] & _INLINE:
            _, rest = _read_string(info[_PREFIX_BYTES:])
            framed, _ = _read_string(rest)
        else:
            framed = b"".join(bytes(self._found[_CONSTANT].data).partition(_END)[:2])
        if not (framed.startswith(_START) and framed.endswith(_END)) or len(framed) > MAX_INFO_BYTES:
            return b""
        return MARK + framed[len(_START) : -len(_END)]

    def _look(self, part: _Range, begin: int, piece: bytes | memoryview) -> bool:
        """Search one range's part of the piece that begins at `begin`, and return whether its mark was found."""
        if part.end <= begin:
            return False
        first = max(part.begin - begin, 0)
        data = b"".join((self._tail, piece[first : part.end - begin]))
        origin = begin + first - len(self._tail)
        at = data.find(part.mark)
        while part.mark == MARK and at >= 0 and (origin + at) % _ALIGNMENT:
            at = data.find(part.mark, at + 1)
        if at < 0:
            self._tail = data[1 - len(part.mark) :]
            return False
        if not self._found[part.mark].data:
            self._found[part.mark].add(data[at:] + bytes(piece[part.end - begin :]))
            self._gathers.append(self._found[part.mark])
        if part.mark == MARK:
            del self._ranges[1:]
        return True


class _Gathered:
    """The bytes from a mark on, as many as may be needed."""

    def __init__(self) -> None:
        self.data = bytearray()

    def add(self, piece: bytes | memoryview) -> bool:
        """Take in more, and return whether something may still be missing."""
        self.data += piece[: _LONGEST - len(self.data)]
        return len(self.data) < _LONGEST and _END not in self.data


def _find_ranges(head: bytes) -> Iterator[_Range]:
    """Yield where the marks may be: one in the segments for data, the other in those for constants."""
    layout, order = _LAYOUTS.get(head[4:5]), _ORDERS.get(head[5:6])
    if layout is None or order is None:
        return
    try:
        begin, size, count = struct.unpack_from(order + layout.table, head)
        segment = struct.Struct(order + layout.segment)
        if size < segment.size:
            return
        fields = [segment.unpack_from(head, begin + size * number) for number in range(count)]
    except (struct.error, OverflowError):
        return
    loaded = [field for field in fields if field[layout.kind] == _LOADED and field[layout.size]]
    code = min((field[layout.offset] for field in loaded if field[layout.flags] & _EXECUTABLE), default=0)
    # Addresses that the loader fills in come first in a segment for data. They may be a third of a program.
    later = [_end(field, layout) for field in fields if field[layout.kind] == _READ_ONLY_LATER]
    for field in loaded:
        begin, end = field[layout.offset], _end(field, layout)
        if field[layout.flags] & _EXECUTABLE:
            continue
        if field[layout.flags] & _WRITABLE:
            begin = max([begin, *(place for place in later if begin < place <= end)])
            yield _Range(begin, end, MARK)
        elif begin > code and _HAS_BUILD_ID in head:
            yield _Range(begin, end, _CONSTANT)


def _end(field: Sequence[int], layout: _Layout) -> int:
    """Return where a segment ends in the file."""
    return field[layout.offset] + field[layout.size]


def _read_string(data: bytes) -> tuple[bytes, bytes]:
    """Return the first string and what follows it; nothing if it is cut off.

    A string's length stands before it, seven bits to a byte, the lowest first; each byte but the last has its eighth
    bit set.
    """
    length = 0
    for at, byte in enumerate(data[:10]):
        length |= (byte & ~_GOES_ON) << 7 * at
        if not byte & _GOES_ON:
            begin, end = at + 1, at + 1 + length
            return (data[begin:end], data[end:]) if end <= len(data) else (b"", b"")
    return b"", b""
