"""rpm's database in SQLite's format, as Fedora and RHEL use it: read in memory, and never trusted.

Sources: SQLite's "Database File Format" with "The Write-Ahead Log", and "Defense Against The Dark Arts" for what a
stranger's database may try.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Connection

MAX_PACKAGES = 100_000
MAX_STEPS = 20_000_000
"""Of SQLite's machine, for one database: a second or so. Twenty for each package are needed."""
_STEPS_BETWEEN = 100_000
_MAGIC = b"SQLite format 3\0"
_SMALLEST = 512
_VERSIONS = slice(18, 20)
_NOT_WAL = b"\1\1"
_LOG = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_LOG_MAGICS = {0x377F0682: "<", 0x377F0683: ">"}
"""The byte order of the numbers that a log's checksums are made of."""
_LOG_VERSION = 3_007_000
_PAGE_SIZES = frozenset(2**power for power in range(9, 17))
_MASK = 2**32 - 1


def read_headers(database: bytes, log: bytes = b"") -> Iterator[bytes]:
    """Yield the headers that an `rpmdb.sqlite` holds, in the order in which they were installed.

    They are together no longer than database and log. What is damaged ends the reading without an error.

    Args:
        database: The bytes of the file.
        log: Those of its write-ahead log, `rpmdb.sqlite-wal`: pages that are newer than the database's own.
    """
    import sqlite3  # noqa: PLC0415 - few images have such a database, and all commands would wait for it

    if len(database) < _SMALLEST or not database.startswith(_MAGIC):
        return
    left = len(database) + len(log)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        _restrict(connection, left)
        connection.deserialize(_drop_log(database, log))
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.set_authorizer(_is_permitted)
        rows = connection.execute("SELECT blob FROM main.Packages ORDER BY rowid LIMIT ?", (MAX_PACKAGES,))
        for (header,) in rows:
            left -= len(header) if isinstance(header, bytes) else 0
            if left < 0:
                return
            if isinstance(header, bytes):
                yield header
    except (sqlite3.Error, sqlite3.Warning, OverflowError, MemoryError, UnicodeDecodeError):
        return  # the last where a name in the schema is no text
    finally:
        connection.close()


def _restrict(connection: Connection, size: int) -> None:
    """Bound what a database of `size` bytes can make SQLite do. No value in it is longer than the database."""
    import sqlite3  # noqa: PLC0415 - as above

    for limit, value in (
        (sqlite3.SQLITE_LIMIT_LENGTH, min(size, 2**30)),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 2**16),
        (sqlite3.SQLITE_LIMIT_COLUMN, 64),
        (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 20),
        (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 2),
        (sqlite3.SQLITE_LIMIT_VDBE_OP, 25_000),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
    ):
        connection.setlimit(limit, value)
    steps = iter(range(MAX_STEPS // _STEPS_BETWEEN))
    connection.set_progress_handler(lambda: int(next(steps, None) is None), _STEPS_BETWEEN)


def _is_permitted(action: int, table: str | None, _column: str | None, database: str | None, inner: str | None) -> int:
    """Let the one query read the one table: no view, no function, no other table has a part in it."""
    import sqlite3  # noqa: PLC0415 - as above

    if inner is None and (
        action == sqlite3.SQLITE_SELECT
        or (action == sqlite3.SQLITE_READ and database == "main" and table in {"Packages", "sqlite_master"})
    ):
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _drop_log(database: bytes, log: bytes) -> bytearray:
    """Return the database with the pages of its log in place, marked as one that needs none.

    A database in memory can have no log, and SQLite opens none that is marked as having one.
    """
    whole = bytearray(database)
    size = int.from_bytes(database[16:18], "big")
    size = 65536 if size == 1 else size
    pages, count = _read_log(log, size)
    if count and count * size <= len(database) + len(log):
        whole = whole.ljust(count * size, b"\0")[: count * size]
        for number, begin in pages.items():
            if 0 < number <= count:
                whole[(number - 1) * size : number * size] = log[begin : begin + size]
    whole[_VERSIONS] = _NOT_WAL
    return whole


def _read_log(log: bytes, size: int) -> tuple[dict[int, int], int]:
    """Return page number -> where its last committed content begins in a log, and the length of the database.

    The length is in pages. Frames count up to the last commit whose frames all carry the log's salt and the right
    checksum.
    """
    committed, count, pending = dict[int, int](), 0, dict[int, int]()
    if len(log) < _LOG.size:
        return committed, count
    magic, version, page_size, _, *salt, one, two = _LOG.unpack_from(log)
    order = _LOG_MAGICS.get(magic)
    if order is None or version != _LOG_VERSION or page_size != size or size not in _PAGE_SIZES:
        return committed, count
    sums = _compute_checksum(order, log[: _LOG.size - 8], (0, 0))
    if sums != (one, two):
        return committed, count
    for begin in range(_LOG.size, len(log) - _FRAME.size - size + 1, _FRAME.size + size):
        number, pages, *frame_salt, one, two = _FRAME.unpack_from(log, begin)
        data = begin + _FRAME.size
        sums = _compute_checksum(order, log[begin : begin + 8] + log[data : data + size], sums)
        if frame_salt != salt or sums != (one, two):
            break
        pending[number] = data
        if pages:
            committed |= pending
            count = pages
            pending = {}
    return committed, count


def _compute_checksum(order: str, data: bytes, sums: tuple[int, int]) -> tuple[int, int]:
    """Go on with a log's checksum over more bytes: two numbers of 32 bits at a time."""
    first, second = sums
    for one, two in struct.iter_unpack(f"{order}II", data):
        first = (first + one + second) & _MASK
        second = (second + two + first) & _MASK
    return first, second
