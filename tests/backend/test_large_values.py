"""Large values in both kinds of databases, slice by slice."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from backend import jobs, large_values, service
from backend.canonical import identify
from backend.errors import NotFound, StoreUnavailable
from backend.store import Store, StoredReport
from backend.tables import reports

CONTENT = os.urandom(3_000_000)
ID = "a" * 64


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Yield a store of each kind with one large report."""
    url = f"sqlite:///{tmp_path}/reports.db"
    store = Store(url if request.param == "sqlite" else request.getfixturevalue("new_postgres_database")())
    report = StoredReport(id=ID, recorded_at="2026-11-23T10:00:00Z", commit=None, dirty=True, variants=())
    store.add_report(report, CONTENT)
    yield store
    store.close()


def test_slices_add_up_to_the_value(stored: Store) -> None:
    """Also the last one, which is shorter; beyond the end there is nothing."""
    record = large_values.find_record(stored, ID)
    assert record is not None
    assert record.size == len(CONTENT)
    parts = [record.read(start, 2**18) for start in range(0, record.size, 2**18)]
    assert {len(part) for part in parts[:-1]} == {2**18}
    assert b"".join(parts) == CONTENT
    assert record.read(record.size, 10) == b""


def test_a_slice_takes_no_more_memory_than_itself(stored: Store) -> None:
    """Python allocates one slice, not the value."""
    record = large_values.find_record(stored, ID)
    assert record is not None
    record.read(0, 2**16)
    tracemalloc.start()
    try:
        record.read(2_000_000, 2**16)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2**20


def test_row_that_is_deleted_between_two_slices(stored: Store) -> None:
    """It is missed when the next slice is read."""
    record = large_values.find_record(stored, ID)
    assert record is not None
    record.read(0, 10)
    stored.delete_report(ID)
    with pytest.raises(NotFound):
        record.read(10, 10)
    assert large_values.find_record(stored, ID) is None


def test_difference(stored: Store) -> None:
    """The difference of a comparison can be read once it is done, and not before."""
    with stored.transaction(write=True) as connection:
        connection.execute(update(reports).values(record=b"{}", record_bytes=2))
    pair = identify(b"pair")
    stored.open_comparison(pair, ID, ID)
    assert large_values.find_difference(stored, pair) is None
    assert service.find_comparison(stored, pair)[1] is None
    lease = jobs.claim(stored, pair, 60)
    assert lease is not None
    jobs.finish(stored, lease, CONTENT)
    found, difference = service.find_comparison(stored, pair)
    assert (found.status, found.difference) == ("done", None)
    assert difference is not None
    assert difference.read(1, 100) == CONTENT[1:101]


def test_value_that_the_file_does_not_give(tmp_path: Path) -> None:
    """Where SQLite cannot read the value, the database is unavailable, as for any other statement."""
    store = Store(f"sqlite:///{tmp_path}/reports.db")
    report = StoredReport(id=ID, recorded_at="2026-11-23T10:00:00Z", commit=None, dirty=True, variants=())
    store.add_report(report, CONTENT)
    record = large_values.find_record(store, ID)
    assert record is not None
    with (tmp_path / "reports.db").open("r+b") as file:
        file.truncate(100_000)
    with pytest.raises(StoreUnavailable):
        record.read(2_900_000, 1000)
    store.close()
