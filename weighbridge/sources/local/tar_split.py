"""Puts a layer's archive together again: its headers from a tar-split file, the files' bytes from the unpacked layer.

Format: github.com/vbatts/tar-split, tar/storage. Each line is a JSON object with its `position`. Type 2 is a segment,
raw bytes of the archive in base64: headers and padding. Type 1 is a file whose bytes follow there; `payload` is their
CRC-64, the highest byte first, and `name_raw` replaces `name` where that is not UTF-8.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Annotated, Self

import msgspec
from fastcrc import crc64

from weighbridge.sources.tar.compression import Readable
from weighbridge.sources.tar.headers import DamagedArchive
from weighbridge.sources.tar.reader import CHUNK_BYTES

_FILE, _SEGMENT = 1, 2
_LONGEST_LINE = 2**24
"""A segment is hardly longer than one member's headers, of which the reader takes 1 MiB."""
_CHECKSUM_BYTES = 8
_END_BYTES = 512
"""Docker's archives end with two blocks of zeros; one of them tells that no line at the end is missing."""


class _Entry(msgspec.Struct, gc=False):
    """A line of the file. What has no bytes in the archive, as a folder, has neither a size nor a payload."""

    type: int
    position: int
    payload: bytes | None = None
    name: str = ""
    name_raw: bytes = b""
    size: Annotated[int, msgspec.Meta(ge=0)] = 0


_decoder = msgspec.json.Decoder(_Entry)


class Reassembled:
    """The stream of a layer's archive. Use it as a context manager, because it may keep a file open.

    `read` raises `DamagedArchive` if the tar-split file is of another form, or a file does not have the length or the
    checksum that it states; `OSError` if a file cannot be read; and what `open_file` raises.

    Of a file with holes that the archive leaves out, tar-split files have the length and the checksum with the holes.
    So the reader must refuse it, and must find as many members as `member_count`: what it takes for the end may be one.
    """

    def __init__(
        self,
        split: Readable,
        open_file: Callable[[str], tuple[int, int]],
        on_bytes: Callable[[int], object] | None = None,
    ) -> None:
        """Begin at the first byte.

        Args:
            split: The tar-split file, without its compression.
            open_file: Returns a descriptor for a file of the unpacked layer and its length, by the name in the archive.
            on_bytes: Called with the length of each piece that was read.
        """
        self._entries, self._open, self._on_bytes = self._iterate_entries(split), open_file, on_bytes
        self._segment: bytes | memoryview = b""
        self._descriptor, self._left, self._sum = -1, 0, 0
        self._expected: bytes | None = None
        self.member_count = 0
        """How many members have come so far; at the end, all of the archive."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        parts, left = list[bytes | memoryview](), size
        while left and (part := self._read_part(left)):
            parts.append(part)
            left -= len(part)
        block = b"".join(parts)  # without a copy if it is a single one, as within a large file
        if self._on_bytes:
            self._on_bytes(len(block))
        return block

    def _read_part(self, most: int) -> bytes | memoryview:
        """Return some of the next bytes, at most `most`; none at the end."""
        if self._left:
            return self._read_file(most)
        if not self._segment:
            entry = next(self._entries, b"")
            if isinstance(entry, _Entry):
                self._begin_file(entry)
                return self._read_file(most)
            self._segment = entry
        return self._read_segment(most)

    def _read_segment(self, most: int) -> bytes | memoryview:
        segment, self._segment = self._segment, b""
        if len(segment) <= most:
            return segment
        view = memoryview(segment)
        self._segment = view[most:]
        return view[:most]

    def _begin_file(self, file: _Entry) -> None:
        name = file.name_raw.decode(errors="surrogateescape") if file.name_raw else file.name
        self._descriptor, length = self._open(name)
        if length != file.size:
            raise DamagedArchive("a file does not have the length that it had in the archive")
        self._left, self._expected, self._sum = length, file.payload, 0

    def _read_file(self, most: int) -> bytes:
        part = os.read(self._descriptor, min(most, self._left))
        if not part:
            raise DamagedArchive("a file was cut off while it was read")
        self._left -= len(part)
        self._sum = crc64.go_iso(part, self._sum)
        if not self._left:
            self._close()
            if self._sum.to_bytes(_CHECKSUM_BYTES) != self._expected:
                raise DamagedArchive("a file does not have the bytes that it had in the archive")
        return part

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _iterate_entries(self, split: Readable) -> Iterator[bytes | _Entry]:
        """Yield the segments, and the entry of each file that has any bytes; count all members.

        Raises:
            DamagedArchive: A line is of another form, or one is missing.
        """
        lines, end = 0, b""
        for block in _iterate_lines(split):
            try:
                entries = _decoder.decode_lines(block)
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                raise DamagedArchive("the tar-split file is of an unknown form") from error
            for position, entry in enumerate(entries, lines):
                if entry.position != position:
                    raise DamagedArchive("a line of the tar-split file is missing")
                if entry.type == _SEGMENT:
                    if segment := entry.payload:
                        end = segment if len(segment) >= _END_BYTES else end[-_END_BYTES:] + segment
                        yield segment
                elif entry.type != _FILE:
                    raise DamagedArchive("the tar-split file has an entry of an unknown type")
                else:
                    self.member_count += 1
                    end = b""
                    if entry.size:
                        yield entry
            lines += len(entries)
        if len(end) < _END_BYTES or end[-_END_BYTES:].strip(b"\0"):
            raise DamagedArchive("the tar-split file is cut off")


def _iterate_lines(split: Readable) -> Iterator[bytes]:
    """Yield the lines, several at a time."""
    rest = b""
    while block := split.read(CHUNK_BYTES):
        lines, feed, after = block.rpartition(b"\n")
        if feed:
            yield rest + lines
            rest = b""
        rest += after
        if len(rest) > _LONGEST_LINE:
            raise DamagedArchive("a line of the tar-split file is too long")
    if rest:
        yield rest
