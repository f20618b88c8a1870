"""Retention by age and bytes, and what goes with a report, on both databases."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select

from backend import jobs, retention
from backend.store import Store, StoredReport
from backend.tables import comparisons, reports, variants

TABLES = (reports, variants, comparisons)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Yield an empty store, once of each kind."""
    url = f"sqlite:///{tmp_path}/reports.db"
    if request.param != "sqlite":
        url = request.getfixturevalue("new_postgres_database")()
    store = Store(url)
    yield store
    store.close()


def _add(store: Store, number: int, *, days: float = 0, size: int = 100) -> str:
    when = datetime.now(UTC) - timedelta(days=days)
    report = StoredReport(
        id=f"{number:064}",
        recorded_at=when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        commit=None,
        dirty=False,
        variants=(("multi", 1), ("minimal", 2)),
    )
    store.add_report(report, b"x" * size)
    return report.id


def _compare(store: Store, before: str, after: str, difference: bytes) -> str:
    comparison_id = before[-32:] + after[-32:]
    store.open_comparison(comparison_id, before, after)
    lease = jobs.claim(store, comparison_id, 60)
    assert lease
    jobs.finish(store, lease, difference)
    return comparison_id


def _kept(store: Store) -> list[str]:
    return [report.id for report in store.reports(variant=None, before=None, limit=1000)]


def _count(store: Store) -> list[int]:
    with store.transaction() as connection:
        return [connection.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES]


def test_what_is_too_old_goes_with_its_comparisons(store: Store) -> None:
    """A report of eleven days and what compared it, in either place; not the one of nine days."""
    old, new, other = _add(store, 1, days=11), _add(store, 2, days=9), _add(store, 3)
    gone = [_compare(store, old, new, b"[]"), _compare(store, new, old, b"[]")]
    kept = _compare(store, new, other, b"[]")

    assert retention.delete_expired(store, days=10, most_bytes=None) == 1
    assert _kept(store) == [other, new]
    assert [store.comparison(each) for each in gone] == [None, None]
    assert store.comparison(kept)
    assert _count(store) == [2, 4, 1]


def test_the_oldest_go_until_the_rest_fits(store: Store) -> None:
    """Bytes are those of records and of differences; no more goes than has to."""
    ids = [_add(store, number, days=10 - number, size=1000) for number in range(10)]
    _compare(store, ids[8], ids[9], b"x" * 3000)

    assert retention.delete_expired(store, days=None, most_bytes=13_000) == 0
    assert retention.delete_expired(store, days=None, most_bytes=9_500) == 4
    assert _kept(store) == ids[:3:-1]


def test_a_large_difference_goes_with_the_report_that_has_it(store: Store) -> None:
    """Where it is the oldest report's, deleting that one is enough."""
    first, second, third = (_add(store, number, days=3 - number) for number in range(3))
    _compare(store, first, second, b"x" * 5000)

    assert retention.delete_expired(store, days=None, most_bytes=1000) == 1
    assert _kept(store) == [third, second]


def test_more_than_a_batch_goes(store: Store) -> None:
    """However many there are, one call deletes them all."""
    for number in range(120):
        _add(store, number, days=20)

    assert retention.delete_expired(store, days=10, most_bytes=None) == 120
    assert _count(store) == [0, 0, 0]


@pytest.mark.parametrize(("days", "most_bytes"), [(10, None), (None, 0)])
def test_deleting_ends_in_time_and_goes_on_later(
    store: Store, days: int | None, most_bytes: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call stops between two batches when its time is over; the next one finds the rest."""
    for number in range(120):
        _add(store, number, days=20)
    monkeypatch.setattr(retention, "time", SimpleNamespace(monotonic=itertools.count().__next__))
    first = retention.delete_expired(store, days=days, most_bytes=most_bytes, deadline=2)
    rest = retention.delete_expired(store, days=days, most_bytes=most_bytes)

    assert 0 < first < 120
    assert (first + rest, _count(store)) == (120, [0, 0, 0])


def test_without_limits_nothing_goes(store: Store) -> None:
    """As it was before there were any."""
    _add(store, 1, days=4000)

    assert retention.delete_expired(store, days=None, most_bytes=None) == 0
    assert _count(store) == [1, 2, 0]
