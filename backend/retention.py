"""Deletes the oldest reports, with their comparisons, once they are too old or take too many bytes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, select

from backend.database import Database
from backend.store import delete_reports
from backend.tables import comparisons, reports

_BATCH = 50
"""How many reports one transaction deletes, so that it does not hold up others for long."""


def delete_expired(
    database: Database, *, days: int | None, most_bytes: int | None, deadline: float = float("inf")
) -> int:
    """Delete reports until the limits hold, oldest record first, and return how many.

    Bytes are those of records and differences. The file of SQLite does not shrink: it uses the room again.

    Args:
        database: Where the reports are.
        days: How old a record may be.
        most_bytes: How many bytes may stay.
        deadline: When to stop, by `time.monotonic`, even if the limits do not hold yet.
    """
    count = 0
    if days is not None:
        oldest = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
        while time.monotonic() < deadline and (deleted := _delete_before(database, oldest)):
            count += deleted
    if most_bytes is not None:
        while time.monotonic() < deadline and (deleted := _delete_excess(database, most_bytes, deadline)):
            count += deleted
    return count


def _delete_before(database: Database, oldest: str) -> int:
    query = select(reports.c.id).where(reports.c.recorded_at < oldest).order_by(reports.c.recorded_at).limit(_BATCH)
    with database.transaction() as connection:
        found = list(connection.scalars(query))
    return _delete(database, found)


def _delete_excess(database: Database, most_bytes: int, deadline: float) -> int:
    """Delete as many of the oldest as the excess needs, in batches. It is counted once, because that reads every row.

    A comparison of two of them counts twice, so too few may go; the next call makes up for that.
    """
    with database.transaction() as connection:
        excess = _count_bytes(connection) - most_bytes
    count = 0
    while excess > 0 and time.monotonic() < deadline:
        chosen = _choose_oldest(database, excess)
        if not (deleted := _delete(database, list(chosen))):
            break
        count += deleted
        excess -= sum(chosen.values())
    return count


def _choose_oldest(database: Database, excess: int) -> dict[str, int]:
    """Return id -> bytes of the oldest reports, as many as the excess needs, at most a batch."""
    size = (reports.c.record_bytes + _differences(comparisons.c.before) + _differences(comparisons.c.after)).label(
        "size"
    )
    query = select(reports.c.id, size).order_by(reports.c.recorded_at, reports.c.id).limit(_BATCH)
    chosen: dict[str, int] = {}
    with database.transaction() as connection:
        for row in connection.execute(query).all():
            if sum(chosen.values()) >= excess:
                break
            chosen[row.id] = int(row.size)
    return chosen


def _differences(column: ColumnElement[str]) -> ColumnElement[int]:
    """Return the bytes of the differences that have the report of the query's row in that column."""
    total = select(func.coalesce(func.sum(comparisons.c.difference_bytes), 0))
    return total.where(column == reports.c.id).scalar_subquery()


def _delete(database: Database, report_ids: Sequence[str]) -> int:
    if not report_ids:
        return 0
    with database.transaction(write=True) as connection:
        return delete_reports(connection, report_ids)


def _count_bytes(connection: Connection) -> int:
    sums = (
        select(func.coalesce(func.sum(each), 0)) for each in (reports.c.record_bytes, comparisons.c.difference_bytes)
    )
    return sum(int(connection.scalar(query) or 0) for query in sums)
