"""Counts the rows of the database by what they wait for, reading indexes and pending rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from backend.database import Database
from backend.tables import comparisons, reports

STATES = ("pending", "done", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """How many rows there are, and how old the oldest ones are. Ages are in seconds by the database's clock."""

    reports: int
    report_bytes: int
    comparisons: Mapping[str, int]
    """By state, all of `STATES`."""
    held_leases: int
    expired_leases: int
    """Of workers that were killed; the next sweep sends their jobs again."""
    oldest_message_seconds: float
    """How long ago the message of the job that nobody has taken was sent, of the oldest one; 0 if there is none."""
    most_attempts: int
    """Of a pending comparison."""


def count_rows(database: Database) -> RowCounts:
    """Return the counts of one moment.

    Raises:
        Unavailable: The database does not answer.
    """
    with database.transaction() as connection:
        count, size = connection.execute(select(func.count(), func.coalesce(func.sum(reports.c.record_bytes), 0))).one()
        states = dict.fromkeys(STATES, 0)
        for state, number in connection.execute(
            select(comparisons.c.status, func.count()).group_by(comparisons.c.status)
        ):
            states[state] = number
        held, expired, oldest, attempts = _look_at_pending(connection, database)
    return RowCounts(
        reports=count,
        report_bytes=int(size),
        comparisons=states,
        held_leases=held,
        expired_leases=expired,
        oldest_message_seconds=max(0.0, oldest),
        most_attempts=attempts,
    )


def _look_at_pending(connection: Connection, database: Database) -> tuple[int, int, float, int]:
    """Return the leases that are held and that have run out, the age of the oldest message, and the most attempts."""
    until = comparisons.c.lease_until
    held = func.coalesce(func.sum(case((until >= database.now, 1), else_=0)), 0)
    expired = func.coalesce(func.sum(case((until < database.now, 1), else_=0)), 0)
    oldest = func.coalesce(func.max(database.now - case((until.is_(None), comparisons.c.sent_at))), 0.0)
    attempts = func.coalesce(func.max(comparisons.c.attempts), 0)
    found = connection.execute(select(held, expired, oldest, attempts).where(comparisons.c.status == "pending")).one()
    return int(found[0]), int(found[1]), float(found[2]), int(found[3])
