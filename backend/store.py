"""The database, SQLite or PostgreSQL: its tables, and every statement that uses them.

SQLite keeps its default rollback journal. Write-ahead logging needs memory shared between the API's and the worker's
containers, which not every volume offers, and switching to it can fail if both start at once. Transactions here are
short and few, so a busy timeout and `BEGIN IMMEDIATE` for writes are enough.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Text,
    create_engine,
    event,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend.contract import MAX_VARIANT_CHARACTERS
from backend.errors import StoreUnavailable

MAX_ATTEMPTS = 10
"""How often a comparison may be started before we assume that it kills its worker."""
_SCHEMA_LOCK = 0x57424447
"""The advisory lock in PostgreSQL for creating the schema; an arbitrary number that nothing else uses."""

_metadata = MetaData()
_reports = Table(
    "reports",
    _metadata,
    Column("id", String(64), primary_key=True),
    Column("recorded_at", String(20), nullable=False),
    Column("commit", Text),
    Column("dirty", Boolean, nullable=False),
    # Canonical JSON in UTF-8, as bytes: jsonb would rewrite numbers, and text needs four times the memory when read.
    Column("record", LargeBinary, nullable=False),
    Index("reports_by_time", "recorded_at", "id"),
)
_variants = Table(
    "report_variants",
    _metadata,
    Column("report_id", ForeignKey("reports.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("variant", String(MAX_VARIANT_CHARACTERS), nullable=False),
    Column("shipped_bytes", BigInteger, nullable=False),
    Index("report_variants_by_name", "variant", "report_id"),
)
_comparisons = Table(
    "comparisons",
    _metadata,
    Column("id", String(64), primary_key=True),
    Column("before", ForeignKey("reports.id"), nullable=False),
    Column("after", ForeignKey("reports.id"), nullable=False),
    Column("status", String(8), nullable=False),
    Column("difference", LargeBinary),
    Column("why", Text),
    Column("attempts", Integer, nullable=False),
)

Status = Literal["pending", "done", "failed"]


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


class Store:
    """One database. Create it in each process after any fork, because connections do not survive a fork."""

    def __init__(self, url: str) -> None:
        self._engine = _make_engine(url)
        is_sqlite = self._engine.dialect.name == "sqlite"
        self._file = Path(self._engine.url.database or "") if is_sqlite else None
        self._insert = sqlite.insert if is_sqlite else postgresql.insert
        self._lock = threading.Lock()
        self._has_schema_in: object = None

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def ping(self) -> None:
        """Make sure that the database works: send it a query, or for a file begin a write and roll it back."""
        if self._file is None:
            with self._transaction() as connection:
                connection.execute(text("SELECT 1"))
            return
        with self._transaction(write=True) as connection:
            connection.exec_driver_sql("PRAGMA user_version = 0")  # fails without room for a journal or the right to it
            connection.rollback()

    def add_report(self, report: StoredReport, record: bytes) -> bool:
        """Store a report; return False if it was stored before, even if two arrive at the same instant."""
        row = {"id": report.id, "recorded_at": report.recorded_at, "commit": report.commit, "dirty": report.dirty}
        sizes = [
            {"report_id": report.id, "position": position, "variant": variant, "shipped_bytes": shipped_bytes}
            for position, (variant, shipped_bytes) in enumerate(report.variants)
        ]
        with self._transaction(write=True) as connection:
            added = self._insert(_reports).values(**row, record=record).on_conflict_do_nothing()
            is_new = connection.scalar(added.returning(_reports.c.id)) is not None
            if is_new and sizes:
                connection.execute(self._insert(_variants), sizes)
        return is_new

    def has_report(self, report_id: str) -> bool:
        """Tell whether there is a report with that id."""
        with self._transaction() as connection:
            return connection.scalar(select(_reports.c.id).where(_reports.c.id == report_id)) is not None

    def record(self, report_id: str) -> bytes | None:
        """Return a report's canonical JSON."""
        with self._transaction() as connection:
            return connection.scalar(select(_reports.c.record).where(_reports.c.id == report_id))

    def reports(self, *, variant: str | None, before: tuple[str, str] | None, limit: int) -> list[StoredReport]:
        """Return reports, newest first, from those that are older than `before` (a time and an id)."""
        columns = (_reports.c.id, _reports.c.recorded_at, _reports.c.commit, _reports.c.dirty)
        query = select(*columns).order_by(_reports.c.recorded_at.desc(), _reports.c.id.desc()).limit(limit)
        if variant is not None:
            query = query.where(_reports.c.id.in_(select(_variants.c.report_id).where(_variants.c.variant == variant)))
        if before is not None:
            query = query.where(tuple_(_reports.c.recorded_at, _reports.c.id) < tuple_(*before))
        with self._transaction() as connection:
            rows = connection.execute(query).all()
            sizes = _sizes(connection, [row.id for row in rows])
        return [StoredReport(**row._mapping, variants=tuple(sizes[row.id])) for row in rows]  # noqa: SLF001 - public

    def open_comparison(self, comparison_id: str, before: str, after: str) -> StoredComparison:
        """Return the comparison; create it if there is none, and make it pending again if it had failed."""
        row = {"id": comparison_id, "before": before, "after": after, "status": "pending", "attempts": 0}
        with self._transaction(write=True) as connection:
            connection.execute(self._insert(_comparisons).values(**row).on_conflict_do_nothing())
            again = update(_comparisons).where(_comparisons.c.id == comparison_id, _comparisons.c.status == "failed")
            connection.execute(again.values(status="pending", why=None, attempts=0))
            return _comparison(connection.execute(_select_comparison(comparison_id)).one())

    def comparison(self, comparison_id: str) -> StoredComparison | None:
        """Return a comparison's row."""
        with self._transaction() as connection:
            row = connection.execute(_select_comparison(comparison_id)).one_or_none()
        return None if row is None else _comparison(row)

    def count_attempt(self, comparison_id: str) -> int:
        """Count an attempt at a comparison, before it begins, and return the number of attempts."""
        chosen = _comparisons.c.id == comparison_id
        with self._transaction(write=True) as connection:
            connection.execute(update(_comparisons).where(chosen).values(attempts=_comparisons.c.attempts + 1))
            return connection.scalar(select(_comparisons.c.attempts).where(chosen)) or 0

    def finish_comparison(self, comparison_id: str, difference: bytes) -> None:
        """Store the result of a comparison."""
        with self._transaction(write=True) as connection:
            chosen = update(_comparisons).where(_comparisons.c.id == comparison_id)
            connection.execute(chosen.values(status="done", difference=difference, why=None))

    def fail_comparison(self, comparison_id: str, why: str) -> None:
        """Store why a comparison failed, unless another attempt has finished it meanwhile."""
        chosen = update(_comparisons).where(_comparisons.c.id == comparison_id, _comparisons.c.status != "done")
        with self._transaction(write=True) as connection:
            connection.execute(chosen.values(status="failed", why=why))

    @contextmanager
    def _transaction(self, *, write: bool = False) -> Iterator[Connection]:
        """Yield a connection inside a transaction, and turn every failure of the database into an error of ours."""
        try:
            self._ensure_schema()
            with self._engine.connect() as plain:
                connection = plain.execution_options(write=write)
                with connection.begin():
                    yield connection
        except (DataError, IntegrityError):
            raise
        except (DBAPIError, PoolTimeout) as error:
            raise StoreUnavailable from error

    def _ensure_schema(self) -> None:
        """Create the schema on first use, because the database may start after us. A request waits 3 s at most.

        A new file under the same name is a first use, too: open connections would still write to the deleted file.
        """
        if self._is_known():
            return
        if not self._lock.acquire(timeout=3):
            raise StoreUnavailable
        try:
            if not self._is_known():
                self._engine.dispose()
                _create_schema(self._engine)
                self._has_schema_in = self._identity()
        finally:
            self._lock.release()

    def _is_known(self) -> bool:
        identity = self._identity()
        return identity is not None and identity == self._has_schema_in

    def _identity(self) -> object:
        """Return what distinguishes this database from another one of the same name; None if its file is missing."""
        if self._file is None:
            return "server"
        with suppress(OSError):
            status = self._file.stat()
            return status.st_dev, status.st_ino
        return None


def _sizes(connection: Connection, report_ids: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
    """Return id -> variants of these reports, in the order of each record."""
    sizes: dict[str, list[tuple[str, int]]] = {report_id: [] for report_id in report_ids}
    query = select(_variants).where(_variants.c.report_id.in_(report_ids)).order_by(_variants.c.position)
    for row in connection.execute(query):
        sizes[row.report_id].append((row.variant, row.shipped_bytes))
    return sizes


def _select_comparison(comparison_id: str) -> Any:
    columns = [column for column in _comparisons.c if column.name != "attempts"]
    return select(*columns).where(_comparisons.c.id == comparison_id)


def _comparison(row: Row[Any]) -> StoredComparison:
    return StoredComparison(**row._mapping)  # noqa: SLF001 - public, says SQLAlchemy


def _make_engine(url: str) -> Engine:
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        engine = create_engine(url, connect_args={"timeout": 5})  # seconds to wait for another process's write
        event.listen(engine, "connect", _leave_begin_to_us)
        event.listen(engine, "begin", _begin)
        return engine
    limits = {"connect_timeout": 2, "tcp_user_timeout": 3000, "options": "-c statement_timeout=10000"}
    sizes = {"pool_size": 10, "max_overflow": 10, "pool_timeout": 3, "pool_pre_ping": True}
    return create_engine(f"postgresql+psycopg://{rest}", connect_args=limits, **sizes)


def _leave_begin_to_us(connection: Any, _record: object) -> None:
    """Stop Python's driver from starting transactions late, which breaks both reads and DDL in transactions."""
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    """Take the lock at the start of a write: a read that turns into a write would fail if another process writes."""
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _create_schema(engine: Engine) -> None:
    """Create missing tables. API and worker may do so at the same instant, so one waits for the other."""
    with engine.connect() as plain:
        connection = plain.execution_options(write=True)
        with connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
            _metadata.create_all(connection)
