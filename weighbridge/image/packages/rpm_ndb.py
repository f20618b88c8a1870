"""rpm's own database format, `ndb`, as openSUSE and SLE use it: slots that say where each package's header lies.

Source: rpm's `lib/backend/ndb/rpmpkg.c`. All numbers are little-endian; a block has 16 bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_HEAD = struct.Struct("<4s4I")
_SLOT = struct.Struct("<4s3I")
_TAIL = struct.Struct("<3I")
_BLOCK_BYTES, _PAGE_BYTES = 16, 4096
_FIRST_SLOT = 32
"""The head takes the place of two slots."""
_MAX_SLOTS_BYTES = 2**22
"""Enough for a quarter of a million packages."""
_BLOB_END = int.from_bytes(b"BlbE", "little")


def read_headers(database: bytes) -> Iterator[bytes]:
    """Yield the headers that a `Packages.db` holds, in the order of its slots; together no longer than the database.

    A damaged slot or header is passed over; a damaged head leaves nothing to read.
    """
    if len(database) < _HEAD.size:
        return
    magic, version, _, pages, _ = _HEAD.unpack_from(database)
    if magic != b"RpmP" or version:
        return
    slots = memoryview(database)[_FIRST_SLOT : min(pages * _PAGE_BYTES, len(database), _MAX_SLOTS_BYTES)]
    seen, left = set[int](), len(database)
    for mark, package, block, blocks in _SLOT.iter_unpack(slots[: len(slots) // _SLOT.size * _SLOT.size]):
        if mark == b"Slot" and block and package not in seen:
            header = _read_header(database, package, block * _BLOCK_BYTES, blocks * _BLOCK_BYTES)
            left -= len(header)
            if left < 0:
                return
            if header:
                seen.add(package)
                yield header


def _read_header(database: bytes, package: int, begin: int, size: int) -> bytes:
    """Return the header in a run of blocks; empty where it is damaged or another package's."""
    end = begin + size
    if end > len(database) or size < _SLOT.size + _TAIL.size:
        return b""
    mark, owner, _, length = _SLOT.unpack_from(database, begin)
    _, again, tail = _TAIL.unpack_from(database, end - _TAIL.size)
    if mark != b"BlbS" or owner != package or tail != _BLOB_END or again != length:
        return b""
    first = begin + _SLOT.size
    return database[first : first + length] if first + length + _TAIL.size <= end else b""
