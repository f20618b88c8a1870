"""The connections to the database, SQLite or PostgreSQL: transactions, and a schema that fits before the first one.

SQLite keeps its default rollback journal. Write-ahead logging needs memory shared between the API's and the worker's
containers, which not every volume offers, and switching to it can fail if both start at once. Transactions here are
short. The threads of a process write in turn, and processes look for the end of another one's write every few
milliseconds: SQLite's own busy timeout looks ten times a second, and so misses the short ends between others' writes.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Double, Engine, create_engine, event, func, literal_column
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from backend import schema
from backend.errors import StoreUnavailable, WrongSchema

TURN_SECONDS = 10.0
"""How long a write to a SQLite file waits for other threads of its process."""
WAIT_SECONDS = 5
"""How long it then waits for other processes, and a read for the end of a write."""
_LOOK_SECONDS = 0.003


class Database:
    """One database. Create it in each process after any fork, because connections do not survive a fork."""

    def __init__(self, url: str, *, patient: bool = False) -> None:
        """Connect on first use.

        Args:
            url: The database's URL.
            patient: Whether a statement may take as long as it needs, and whether the schema of PostgreSQL is upgraded:
                for commands that an operator runs, not for requests.
        """
        self._engine = _make_engine(url, patient=patient)
        self.is_sqlite = self._engine.dialect.name == "sqlite"
        self._may_upgrade = self.is_sqlite or patient
        self._file = Path(self._engine.url.database or "") if self.is_sqlite else None
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._has_schema_in: object = None

    def exists(self) -> bool:
        """Tell whether there is a file; of a server only a connection can tell."""
        return self._file is None or self._file.exists()

    @property
    def now(self) -> ColumnElement[float]:
        """The database's clock: seconds since 1970. Those of several machines may differ."""
        if self.is_sqlite:
            return literal_column("(julianday('now') - 2440587.5) * 86400.0", Double)
        return func.extract("epoch", func.clock_timestamp()).cast(Double)

    def close(self) -> None:
        """Close every connection. The next use opens new ones."""
        self._engine.dispose()

    def ping(self) -> None:
        """Make sure that the database can be written to and its schema fits; a file shows it when a write begins."""
        try:
            with self.transaction(write=self.is_sqlite) as connection:
                schema.check_version(connection)
                if self.is_sqlite:  # fails without room for a journal or the right to it
                    connection.exec_driver_sql("PRAGMA user_version = 0")
                    connection.rollback()
                elif connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on":
                    raise StoreUnavailable from PermissionError("it only takes reads")
        except WrongSchema:
            self._has_schema_in = None
            raise

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[Connection]:
        """Yield a connection inside a transaction, and turn every failure of the database into an error of ours."""
        try:
            self._ensure_schema()
            with self._take_turn(write=write), self._engine.connect() as plain:
                connection = plain.execution_options(write=write)
                with connection.begin():
                    yield connection
        except (DataError, IntegrityError):
            raise
        except (DBAPIError, PoolTimeout) as error:
            raise StoreUnavailable from error

    @contextmanager
    def _take_turn(self, *, write: bool) -> Iterator[None]:
        """Let one thread at a time write to a file."""
        if not (write and self.is_sqlite):
            yield
            return
        if not self._turn.acquire(timeout=TURN_SECONDS):
            raise StoreUnavailable
        try:
            yield
        finally:
            self._turn.release()

    def _ensure_schema(self) -> None:
        """See to the schema on first use, because the database may start after us. A request waits 3 s at most.

        A new file under the same name is a first use, too: open connections would still write to the deleted file.
        """
        if self._is_known():
            return
        if not self._lock.acquire(timeout=3):
            raise StoreUnavailable
        try:
            if not self._is_known():
                self._engine.dispose()
                with self._engine.connect() as connection, connection.begin():
                    is_ready = schema.fits(connection)
                if not is_ready:
                    self._prepare()
                self._has_schema_in = self._identity()
        finally:
            self._lock.release()

    def _prepare(self) -> None:
        with self._engine.connect() as plain:
            connection = plain.execution_options(write=True)
            with connection.begin():
                schema.prepare(connection, may_upgrade=self._may_upgrade)

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


def _make_engine(url: str, *, patient: bool) -> Engine:
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        engine = create_engine(url, connect_args={"timeout": WAIT_SECONDS})
        event.listen(engine, "connect", _leave_begin_to_us)
        event.listen(engine, "begin", _begin)
        return engine
    limits = {
        "connect_timeout": 2,
        "tcp_user_timeout": 3000,
        "options": f"-c statement_timeout={0 if patient else 10000}",
    }
    sizes = {"pool_size": 10, "max_overflow": 10, "pool_timeout": 3, "pool_pre_ping": True}
    return create_engine(f"postgresql+psycopg://{rest}", connect_args=limits, **sizes)


def _leave_begin_to_us(connection: Any, _record: object) -> None:
    """Stop Python's driver from starting transactions late, which breaks both reads and DDL in transactions."""
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    """Take the lock at the start of a write: a read that turns into a write would fail if another process writes."""
    if not connection.get_execution_options().get("write", False):
        connection.exec_driver_sql("BEGIN")
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        if not _begin_when_free(driver):
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # which tells what is wrong
    finally:
        driver.execute(f"PRAGMA busy_timeout = {1000 * WAIT_SECONDS}")


def _begin_when_free(driver: sqlite3.Connection) -> bool:
    """Begin a write as soon as no other process writes; return False if it has to be tried to learn what is wrong."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                return False
            time.sleep(_LOOK_SECONDS)
        else:
            return True
    return False
