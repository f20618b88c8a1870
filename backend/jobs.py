"""The jobs among the rows: who works on which, until when, and which have to be sent again.

A job is claimed by one UPDATE, so of several messages about a row one has an effect. A claim is a lease: it ends by
itself when its worker is killed. Whoever finishes a job must still hold its lease.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, or_, select, text, update

from backend.database import Database
from backend.tables import comparisons
from backend.trails import Trail

MAX_ATTEMPTS = 10
"""How often a job may be started before we assume that it kills its worker."""
LONGEST_POSTPONEMENT_SECONDS = 300.0
SENT_SECONDS = 60.0
"""A message that nobody has taken for so long counts as lost, unless the queue is long."""
AHEAD_SECONDS = 600.0
"""No time that we store is so far ahead: the clock has been set back since, and the job must not wait until then."""
_SWEEP_LOCK = 0x57424448
"""The advisory lock in PostgreSQL that makes one sweeper the leader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on a job; `attempts` counts this one too."""

    id: str
    owner: str
    attempts: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class LostJob:
    """A job whose message has to be sent again, and the request that it comes from."""

    id: str
    trail: Trail


def claim(database: Database, comparison_id: str, seconds: float) -> Lease | None:
    """Take a job's lease and count the attempt; return None if it is done, not due, another's, or does not exist."""
    owner = secrets.token_hex(16)
    now = database.now
    free = or_(comparisons.c.lease_until.is_(None), comparisons.c.lease_until < now, _is_ahead("lease_until", now))
    due = comparisons.c.status == "pending", _is_due(now), free
    taken = update(comparisons).where(comparisons.c.id == comparison_id, *due)
    lease = {"leased_by": owner, "lease_until": now + seconds, "sent_at": None}
    columns = comparisons.c.attempts, comparisons.c.before, comparisons.c.after
    with database.transaction(write=True) as connection:
        query = taken.values(**lease, attempts=comparisons.c.attempts + 1).returning(*columns)
        row = connection.execute(query).one_or_none()
    return None if row is None else Lease(id=comparison_id, owner=owner, **row._mapping)  # noqa: SLF001 - public


def finish(database: Database, lease: Lease, difference: bytes) -> bool:
    """Store the result; return False if the lease was lost or the comparison deleted meanwhile."""
    values = {"status": "done", "difference": difference, "difference_bytes": len(difference), "why": None}
    return _end(database, lease, values)


def fail(database: Database, lease: Lease, why: str) -> bool:
    """Store why the job failed for good; return False as `finish` does."""
    return _end(database, lease, {"status": "failed", "why": why})


def postpone(database: Database, lease: Lease) -> bool:
    """Give the lease back, to try again later: twice as long after each attempt."""
    seconds = min(2.0**lease.attempts, LONGEST_POSTPONEMENT_SECONDS)
    return _end(database, lease, {"not_before": database.now + seconds})


def give_back(database: Database, lease: Lease) -> bool:
    """Give the lease of a job back that was not begun, so that this is no attempt."""
    return _end(database, lease, {"attempts": comparisons.c.attempts - 1})


def _end(database: Database, lease: Lease, values: dict[str, object]) -> bool:
    mine = comparisons.c.id == lease.id, comparisons.c.leased_by == lease.owner, comparisons.c.status != "done"
    freed = {"leased_by": None, "lease_until": None}
    with database.transaction(write=True) as connection:
        return connection.execute(update(comparisons).where(*mine).values(**values, **freed)).rowcount > 0


def fail_unheld(database: Database, comparison_id: str, why: str) -> None:
    """Store why a job failed whose process cannot tell its lease any more, because it was killed or broke."""
    chosen = update(comparisons).where(comparisons.c.id == comparison_id, comparisons.c.status == "pending")
    with database.transaction(write=True) as connection:
        connection.execute(chosen.values(status="failed", why=why))


def take_lost(database: Database, *, sent_seconds: float = SENT_SECONDS, limit: int = 100) -> list[LostJob]:
    """Return the due jobs without a live message, oldest attempt first, and count them as sent again.

    A message is lost if its worker's lease has run out, or if nobody has claimed it for `sent_seconds`. In PostgreSQL
    only one caller at a time gets any; a write to a SQLite file is alone anyway.
    """
    now = database.now
    expired = or_(comparisons.c.lease_until < now, _is_ahead("lease_until", now))
    sent = comparisons.c.sent_at
    unsent: ColumnElement[bool] = or_(sent.is_(None), sent < now - sent_seconds, _is_ahead("sent_at", now))
    lost = or_(expired, and_(comparisons.c.lease_until.is_(None), unsent))
    columns = comparisons.c.id, comparisons.c.request_id, comparisons.c.traceparent
    query = select(*columns).where(comparisons.c.status == "pending", _is_due(now), lost)
    with database.transaction() as connection:  # mostly there are none, and a read does not hold up writers
        if connection.scalar(query.limit(1)) is None:
            return []
    with database.transaction(write=True) as connection:
        if not database.is_sqlite and not connection.scalar(text(f"SELECT pg_try_advisory_xact_lock({_SWEEP_LOCK})")):
            return []
        rows = connection.execute(query.order_by(comparisons.c.not_before).limit(limit))
        found = [LostJob(row.id, Trail(row.request_id, row.traceparent)) for row in rows]
        again = {"sent_at": now, "lease_until": None, "leased_by": None}
        connection.execute(update(comparisons).where(comparisons.c.id.in_([job.id for job in found])).values(**again))
    return found


def _is_due(now: ColumnElement[float]) -> ColumnElement[bool]:
    return or_(comparisons.c.not_before <= now, _is_ahead("not_before", now))


def _is_ahead(column: str, now: ColumnElement[float]) -> ColumnElement[bool]:
    return comparisons.c[column] > now + AHEAD_SECONDS
