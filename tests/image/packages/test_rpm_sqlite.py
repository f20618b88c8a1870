"""rpm's database in SQLite's format: SQLite itself finds the same, and a hostile one does no harm."""

from __future__ import annotations

import sqlite3
import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import process_time

import pytest

from tests.support.rpms import DATABASE, kept_documents
from weighbridge.image.packages.rpm_sqlite import read_headers

TABLE = "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)"
FOREVER = (
    "CREATE VIEW Packages AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT CAST(i AS BLOB) AS blob FROM n"
)
HOSTILE = {
    "a view that never ends": [FOREVER],
    "a view that fills the memory": ["CREATE VIEW Packages AS SELECT zeroblob(60000000) AS blob"],
    "a column that is computed": [
        "CREATE TABLE Packages (a, blob BLOB AS (zeroblob(60000000)))",
        "INSERT INTO Packages (a) VALUES (1)",
    ],
    "a table that is virtual": ["CREATE VIRTUAL TABLE Packages USING fts5(blob)", "INSERT INTO Packages VALUES (1)"],
    "another table": ["CREATE TABLE Other (blob BLOB)", "INSERT INTO Other VALUES (x'00')"],
    "no bytes": [TABLE, "INSERT INTO Packages (blob) VALUES ('text'), (1), (1.5)"],
    "another column": ["CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, bytes BLOB)"],
}


def database_of(*statements: str) -> bytes:
    """Return the bytes of a database in which statements were run."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
        return connection.serialize()


@pytest.mark.parametrize("statements", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_databases(statements: list[str]) -> None:
    """A database that is not as rpm writes it has no headers, and takes neither time nor memory."""
    database = database_of(*statements)
    start = process_time()
    tracemalloc.start()
    try:
        assert list(read_headers(database)) == []
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert process_time() - start < 3


@pytest.mark.parametrize("name", [b"hnum", b"blob", b"Packages"])
def test_name_that_is_no_text(name: bytes) -> None:
    """A schema with names that are not valid UTF-8 is read or given up, and nothing is raised."""
    database = database_of(TABLE, "INSERT INTO Packages (blob) VALUES (x'00')")
    assert list(read_headers(database)) == [b"\0"]
    assert list(read_headers(database.replace(name, b"\x80" * len(name)))) in ([], [b"\0"])


def test_order_and_large_headers() -> None:
    """Headers come in the order in which they were installed, also those that take many pages."""
    insert = "INSERT INTO Packages (blob) VALUES (zeroblob(100000)), (zeroblob(10)), (zeroblob(5000))"
    assert [len(header) for header in read_headers(database_of(TABLE, insert))] == [100_000, 10, 5_000]


def read_by_sqlite(folder: Path, database: bytes, log: bytes) -> list[bytes]:
    """Return the headers that SQLite finds in files."""
    path = folder / "rpmdb.sqlite"
    path.write_bytes(database)
    Path(f"{path}-wal").write_bytes(log)
    Path(f"{path}-shm").unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        return [header for (header,) in connection.execute("SELECT blob FROM Packages ORDER BY hnum")]


def torn(log: bytes) -> Iterator[bytes]:
    """Yield a log as it is after a crash: cut off at any frame or within one, or with a byte that never arrived."""
    frame = 24 + 4096
    for end in range(32, len(log) + 1, frame):
        yield log[:end]
        yield log[: end - 7]
        place = min(end + 100, len(log) - 1)
        yield log[:place] + bytes([log[place] ^ 1]) + log[place + 1 :]
    yield log[:16] + b"\0\0\0\1" + log[20:]


def test_log_that_was_torn(tmp_path: Path) -> None:
    """Of a log that rpm left, those changes count that SQLite takes: whole, committed and undamaged."""
    documents = kept_documents("log")
    database, log = documents[f"{DATABASE}/rpmdb.sqlite"], documents[f"{DATABASE}/rpmdb.sqlite-wal"]
    results = set()
    for number, left in enumerate(torn(log)):
        folder = tmp_path / str(number)
        folder.mkdir()
        expected = read_by_sqlite(folder, database, left)
        assert list(read_headers(database, left)) == expected
        results.add(tuple(expected))
    assert len(results) > 2


def test_log_of_another_page_size(tmp_path: Path) -> None:
    """A small page size, and a log whose numbers are summed up in the other byte order, are read, too."""
    path = tmp_path / "made.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA page_size = 512")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(TABLE)
        connection.execute("PRAGMA wal_checkpoint = TRUNCATE")
        connection.execute("INSERT INTO Packages (blob) VALUES (zeroblob(3000)), (x'01')")
        database, log = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    assert list(read_headers(database)) == []
    assert list(read_headers(database, log)) == [bytes(3000), b"\1"]


@pytest.mark.parametrize("size", [2, 4, 100, 511, 513, 1000])
def test_page_size_that_sqlite_has_not(size: int) -> None:
    """A database and a log that agree on an impossible page size hold nothing, and nothing is raised."""
    database = bytearray(database_of(TABLE, "INSERT INTO Packages (blob) VALUES (x'01')"))
    database[16:18] = size.to_bytes(2, "big")
    head = struct.pack(">6I", 0x377F0683, 3_007_000, size, 0, 0, 0)
    first = second = 0
    for one, two in struct.iter_unpack(">II", head):
        first = (first + one + second) % 2**32
        second = (second + two + first) % 2**32
    assert list(read_headers(bytes(database), head + struct.pack(">II", first, second) + bytes(3000))) == []
