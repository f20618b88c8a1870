"""Keeps reports and comparisons: every statement about them but those of a job, which are in `jobs.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, delete, func, null, or_, select, tuple_, update

from backend.contract import MAX_COMMIT_CHARACTERS
from backend.database import Database
from backend.errors import NotFound
from backend.tables import comparisons, reports, variants
from backend.trails import Trail

Status = Literal["pending", "done", "failed"]
_NO_TRAIL = Trail()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """A report without its record, as in lists; `variants` are pairs of name and shipped bytes."""

    id: str
    recorded_at: str
    commit: str | None
    dirty: bool
    variants: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredComparison:
    """A comparison's row; `difference` is JSON if it is done, `why` is the reason if it failed."""

    id: str
    before: str
    after: str
    status: Status
    difference: bytes | None
    why: str | None
    opened_at: float | None = field(default=None, compare=False)
    """When the row became pending, from the call that made it so; from all others None."""


class Store(Database):
    """The reports and comparisons of one database."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        dialect = "sqlite" if self.is_sqlite else "postgresql"  # only one is needed, and either takes a while to import
        self._insert = import_module(f"sqlalchemy.dialects.{dialect}").insert

    def add_report(self, report: StoredReport, record: bytes) -> bool:
        """Store a report; return False if it was stored before, even if two arrive at the same instant."""
        row = {"id": report.id, "recorded_at": report.recorded_at, "commit": report.commit, "dirty": report.dirty}
        same = {"report_id": report.id, "recorded_at": report.recorded_at}
        sizes = [
            same | {"position": position, "variant": variant, "shipped_bytes": shipped_bytes}
            for position, (variant, shipped_bytes) in enumerate(report.variants)
        ]
        with self.transaction(write=True) as connection:
            values = self._insert(reports).values(**row, record=record, record_bytes=len(record))
            is_new = connection.scalar(values.on_conflict_do_nothing().returning(reports.c.id)) is not None
            if is_new and sizes:
                connection.execute(self._insert(variants), sizes)
        return is_new

    def has_report(self, report_id: str) -> bool:
        """Tell whether there is a report with that id."""
        with self.transaction() as connection:
            return connection.scalar(select(reports.c.id).where(reports.c.id == report_id)) is not None

    def reports(self, *, variant: str | None, before: tuple[str, str] | None, limit: int) -> list[StoredReport]:
        """Return reports, newest first, from those that are older than `before` (a time and an id)."""
        chosen = _page(variant, before, limit).subquery()
        commit = func.substr(reports.c.commit, 1, MAX_COMMIT_CHARACTERS).label("commit")  # once it had no limit
        columns = (reports.c.id, reports.c.recorded_at, commit, reports.c.dirty)
        query = select(*columns).join(chosen, chosen.c.id == reports.c.id)
        with self.transaction() as connection:
            rows = connection.execute(query.order_by(reports.c.recorded_at.desc(), reports.c.id.desc())).all()
            sizes = _sizes(connection, [row.id for row in rows])
        return [StoredReport(**row._mapping, variants=tuple(sizes[row.id])) for row in rows]  # noqa: SLF001 - public

    def delete_report(self, report_id: str) -> bool:
        """Delete a report with its comparisons, in every state; return False if there is none."""
        with self.transaction(write=True) as connection:
            return delete_reports(connection, [report_id]) > 0

    def open_comparison(
        self, comparison_id: str, before: str, after: str, trail: Trail = _NO_TRAIL
    ) -> StoredComparison:
        """Return the comparison, without its difference; create it if there is none, and make a failed one pending.

        Args:
            comparison_id: Which one.
            before: The ID of the earlier report.
            after: The ID of the later report.
            trail: The request that asks for it. The row keeps that of the request that made it pending.

        Raises:
            NotFound: One of the reports has just been deleted.
        """
        asked = {"request_id": trail.request_id, "traceparent": trail.traceparent}
        fresh = {"status": "pending", "attempts": 0, "not_before": 0, "sent_at": self.now} | asked
        row = {"id": comparison_id, "before": before, "after": after, "difference_bytes": 0}
        this = comparisons.c.id == comparison_id
        again = update(comparisons).where(this, comparisons.c.status == "failed").values(why=None, **fresh)
        waiting = update(comparisons).where(
            this, comparisons.c.status == "pending", comparisons.c.lease_until.is_(None)
        )
        with self.transaction(write=True) as connection:
            pair = select(reports.c.id).where(reports.c.id.in_((before, after))).order_by(reports.c.id)
            there = connection.scalars(
                pair.with_for_update(read=True, key_share=True)
            )  # until then nobody deletes them
            if {before, after} != set(there):  # SQLite does not check foreign keys
                raise NotFound("One of the reports was deleted meanwhile")
            new = self._insert(comparisons).values(**row | fresh).on_conflict_do_nothing().returning(comparisons.c.id)
            is_new = connection.scalar(new) is not None
            is_opened = is_new or connection.execute(again).rowcount > 0
            if not is_opened:  # its message is sent once more, so the earlier caller may not take the row back
                connection.execute(waiting.values(sent_at=self.now))
            opened_at = connection.scalar(select(comparisons.c.sent_at).where(this)) if is_opened else None
            found = _comparison(connection.execute(_select_comparison(comparison_id, whole=False)).one())
        return replace(found, opened_at=opened_at)

    def refuse_comparison(self, opened: StoredComparison, why: str) -> None:
        """Fail a comparison that was just opened and could not be sent, unless somebody else has asked for it since."""
        same = comparisons.c.id == opened.id, comparisons.c.sent_at == opened.opened_at
        with self.transaction(write=True) as connection:
            refused = update(comparisons).where(*same, comparisons.c.status == "pending")
            connection.execute(refused.values(status="failed", why=why))

    def count_bytes(self, comparison_id: str) -> int:
        """Return how many bytes the two records of a pending comparison have; 0 for any other."""
        pair = reports.c.id.in_((comparisons.c.before, comparisons.c.after))
        query = select(func.coalesce(func.sum(reports.c.record_bytes), 0)).join_from(comparisons, reports, pair)
        with self.transaction() as connection:
            pending = comparisons.c.id == comparison_id, comparisons.c.status == "pending"
            return int(connection.scalar(query.where(*pending)) or 0)

    def comparison(self, comparison_id: str, *, whole: bool = True) -> StoredComparison | None:
        """Return a comparison's row; if it need not be whole, without the difference, which may be large."""
        with self.transaction() as connection:
            row = connection.execute(_select_comparison(comparison_id, whole=whole)).one_or_none()
        return None if row is None else _comparison(row)


def delete_reports(connection: Connection, report_ids: Sequence[str]) -> int:
    """Delete reports with their comparisons, and return how many of the reports there were.

    A comparison that somebody asks for meanwhile waits for the end of this, and then finds no report.
    """
    chosen = select(reports.c.id).where(reports.c.id.in_(report_ids)).order_by(reports.c.id)
    connection.execute(chosen.with_for_update())  # which SQLite leaves out: there, only one can write
    connection.execute(
        delete(comparisons).where(or_(comparisons.c.before.in_(report_ids), comparisons.c.after.in_(report_ids)))
    )
    connection.execute(delete(variants).where(variants.c.report_id.in_(report_ids)))
    return connection.execute(delete(reports).where(reports.c.id.in_(report_ids))).rowcount


def _page(variant: str | None, before: tuple[str, str] | None, limit: int) -> Select[tuple[str, str]]:
    """Select the ids of a page from the index that is in its order: that of all reports, or of one variant."""
    if variant is None:
        query = select(reports.c.id, reports.c.recorded_at)
    else:  # a record may have a variant twice
        query = select(variants.c.report_id.label("id"), variants.c.recorded_at).distinct()
        query = query.where(variants.c.variant == variant)
    when, which = query.selected_columns.recorded_at, query.selected_columns.id
    if before is not None:
        query = query.where(tuple_(when, which) < tuple_(*before))
    return query.order_by(when.desc(), which.desc()).limit(limit)


def _sizes(connection: Connection, report_ids: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
    """Return id -> variants of these reports, in the order of each record."""
    sizes: dict[str, list[tuple[str, int]]] = {report_id: [] for report_id in report_ids}
    query = select(variants).where(variants.c.report_id.in_(report_ids)).order_by(variants.c.position)
    for row in connection.execute(query):
        sizes[row.report_id].append((row.variant, row.shipped_bytes))
    return sizes


def _select_comparison(comparison_id: str, *, whole: bool = True) -> Any:
    columns = (comparisons.c[name] for name in ("id", "before", "after", "status", "why"))
    difference = comparisons.c.difference if whole else null()
    return select(*columns, difference.label("difference")).where(comparisons.c.id == comparison_id)


def _comparison(row: Row[Any]) -> StoredComparison:
    return StoredComparison(**row._mapping)  # noqa: SLF001 - public, says SQLAlchemy
