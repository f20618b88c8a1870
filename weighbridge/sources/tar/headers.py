"""Decodes the headers of a tar archive: ustar, old tar, and the extensions of GNU and PAX.

Sources: POSIX.1-2024, pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual, "Basic Tar Format"
and "Storing Sparse Files". `tarfile` is ten times slower, and takes a damaged header for the archive's end.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from weighbridge.image.layer import DIRECTORY, FILE, HARD_LINK, OTHER, SYMBOLIC_LINK

BLOCK_BYTES = 512
_CHECKSUM = slice(148, 156)
_KINDS = {
    b"0": FILE,
    b"\0": FILE,
    b"7": FILE,  # contiguous
    b"S": FILE,  # GNU's sparse
    b"1": HARD_LINK,
    b"2": SYMBOLIC_LINK,
    b"5": DIRECTORY,
}
_WITHOUT_DATA = frozenset(b"123456")
_ASCII = bytes(range(128))
_OWNER, _SIZE, _TIME = slice(100, 124), slice(124, 136), slice(136, 148)
_PLAIN_NUMBERS = re.compile(rb"([0-7]{7}\0[0-7]{7}\0[0-7]{7}\0)([0-7]{11})\0([0-7]{11})\0([0-7]{6})\0 ")
"""From the mode on, as nearly all programs write it: mode, user and group together, size, time, checksum."""
_SPACES_SUM = 8 * ord(" ")
_LARGEST = 2**63 - 1


class DamagedArchive(Exception):
    """The bytes are not a tar archive, or the archive is cut off."""


class Header(NamedTuple):
    """One member's header, its extensions included."""

    name: str
    """As written in the archive; bytes that are not UTF-8 become surrogates."""
    type: bytes
    """The type flag, one byte."""
    kind: int
    """One of the kinds in `image.layer`."""
    size: int
    """Bytes of the file when unpacked; 0 if the member is not a file."""
    stored: int
    """Bytes of data that follow the header, without padding."""
    target: str
    mode: int
    uid: int
    gid: int
    mtime: float
    segments: tuple[tuple[int, int], ...] | None = None
    """Of a sparse file, where what is stored of it lies: offset and bytes each; None where no header tells it."""
    is_sparse: bool = False
    """Whether the archive leaves the file's holes out."""


def decode(block: bytes) -> Header:
    """Decode one header block, without extensions.

    Raises:
        DamagedArchive: The checksum is wrong, a field is not a number, or a size is negative or impossibly large.
    """
    (mode, uid, gid), size, mtime, checksum = _parse_numbers(block)
    if not _has_sum(block, checksum):
        raise DamagedArchive("a header is damaged")
    flag = block[156:157]
    name = _decode_text(block[:100])
    if block[345] and block[257:263] == b"ustar\0":
        name = f"{_decode_text(block[345:500])}/{name}"
    whole = parse_number(block[483:495]) if flag == b"S" else size
    if not (0 <= size <= _LARGEST and 0 <= whole <= _LARGEST):
        raise DamagedArchive("a size is negative" if min(size, whole) < 0 else "a size is impossibly large")
    kind = _KINDS.get(flag, OTHER)
    return Header(
        name,
        flag,
        kind,
        whole if kind == FILE else 0,
        0 if flag[0] in _WITHOUT_DATA else size,
        _decode_text(block[157:257]) if kind in (HARD_LINK, SYMBOLIC_LINK) else "",
        mode,
        uid,
        gid,
        mtime,
    )


def is_header(block: bytes) -> bool:
    """Tell by its checksum whether a block is a header; some old programs wrote the signed sum, which counts too."""
    try:
        return _has_sum(block, parse_number(block[_CHECKSUM]))
    except DamagedArchive:
        return False


def _has_sum(block: bytes, stated: int) -> bool:
    # Adler-32 has the sum of the bytes plus one, modulo 65521, in its lower half. 504 bytes of ASCII stay below that.
    if block.isascii():
        return (zlib.adler32(block[156:], zlib.adler32(block[:148])) & 0xFFFF) - 1 + _SPACES_SUM == stated
    counted = block[:148] + block[156:]
    total = sum(counted) + _SPACES_SUM
    return stated in (total, total - 256 * len(counted.translate(None, _ASCII)))


def _parse_numbers(block: bytes) -> tuple[tuple[int, int, int], int, int, int]:
    """Return owner, size, time and checksum of a header; the usual form of all is parsed at once.

    Raises:
        DamagedArchive: A field is not a number.
    """
    if found := _PLAIN_NUMBERS.match(block, 100):
        owner, size, mtime, checksum = found.groups()
        return _parse_owner(owner), int(size, 8), int(mtime, 8), int(checksum, 8)
    numbers = [parse_number(block[field]) for field in (_SIZE, _TIME, _CHECKSUM)]
    return _parse_owner(block[_OWNER]), numbers[0], numbers[1], numbers[2]


@lru_cache(maxsize=64)
def _parse_owner(fields: bytes) -> tuple[int, int, int]:
    """Return mode, user and group, which nearly all members of an archive have in common."""
    return parse_number(fields[:8]), parse_number(fields[8:16]), parse_number(fields[16:])


def parse_number(field: bytes) -> int:
    """Parse a numeric field: octal digits, or GNU's base-256 for larger numbers.

    Raises:
        DamagedArchive: It is neither.
    """
    if field[0] & 0x80:  # a mark; the other bits are a number in two's complement, the highest byte first
        value = int.from_bytes(field) & ~(0x80 << 8 * (len(field) - 1))
        return value - (1 << 8 * len(field) - 1) if field[0] & 0x40 else value
    text = field.partition(b"\0")[0]
    try:
        return int(text, 8) if text else 0
    except ValueError:
        if text.isspace():
            return 0
        raise DamagedArchive("a header is damaged") from None


def parse_pax_records(data: bytes) -> dict[str, str]:
    """Return the records of a PAX extended header by key; of several with one key, the last.

    Raises:
        DamagedArchive: A record does not have the length that it states.
    """
    return dict(iterate_pax_records(data))


def iterate_pax_records(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the records of a PAX extended header: length, blank, key, equals sign, value and line feed each.

    Raises:
        DamagedArchive: A record does not have the length that it states.
    """
    at = 0
    while at < len(data) and data[at]:
        try:
            begin = data.index(b" ", at, at + 20) + 1
            end = at + int(data[at:begin])
        except ValueError:
            raise DamagedArchive("an extended header is damaged") from None
        text = data[begin:end]
        key, equals, value = text[:-1].partition(b"=")
        if len(text) != end - begin or not equals or not text.endswith(b"\n"):
            raise DamagedArchive("an extended header is damaged")
        yield key.decode(errors="surrogateescape"), value.decode(errors="surrogateescape")
        at = end


def apply_records(header: Header, records: Mapping[str, str]) -> Header:
    """Return a header with the values of its PAX records in place of its own.

    Raises:
        DamagedArchive: A value should be a number and is not, or a size is negative or impossibly large.
    """
    try:
        stored = int(records["size"]) if "size" in records else header.stored
        real = records.get("GNU.sparse.realsize") or records.get("GNU.sparse.size")
        owner = (int(records.get("uid") or header.uid), int(records.get("gid") or header.gid))
        mtime = float(records.get("mtime") or header.mtime)
        size = int(real) if real else stored if header.type != b"S" else header.size
    except ValueError:
        raise DamagedArchive("an extended header is damaged") from None
    if not math.isfinite(mtime):
        raise DamagedArchive("a time is not a number")
    if not (0 <= stored <= _LARGEST and 0 <= size <= _LARGEST):
        raise DamagedArchive("a size is negative or impossibly large")
    return header._replace(
        name=records.get("GNU.sparse.name") or records.get("path") or header.name,
        target=(records.get("linkpath") or header.target) if header.kind in (HARD_LINK, SYMBOLIC_LINK) else "",
        size=size if header.kind == FILE else 0,
        stored=0 if header.type[0] in _WITHOUT_DATA else stored,
        uid=owner[0],
        gid=owner[1],
        mtime=mtime,
    )


def settle_kind(header: Header) -> Header:
    """Return a header whose kind respects its full name: before ustar, only a final slash marked a directory."""
    if header.type == b"\0" and header.name.endswith("/"):
        return header._replace(kind=DIRECTORY, size=0)
    return header


def is_tar(head: bytes) -> bool:
    """Tell whether bytes begin with a tar header, or with the zero block that ends an empty tar archive."""
    block = head[:BLOCK_BYTES]
    return len(block) == BLOCK_BYTES and (not block.strip(b"\0") or is_header(block))


def _decode_text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode(errors="surrogateescape")
