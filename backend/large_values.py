"""Reads a record or a difference from the database in slices, so that nobody has to hold the whole.

Neither ever changes: a report's id is the digest of its record, and a comparison that is done stays as it is. So each
slice is a short transaction of its own, and only a deletion can come between two.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, func, literal_column, select

from backend.database import Database
from backend.errors import NotFound, StoreUnavailable
from backend.tables import comparisons, reports


@dataclass(frozen=True, slots=True)
class LargeValue:
    """A value in one column of one row."""

    database: Database
    column: Column[Any]
    row_id: str
    size: int
    """How many bytes it has."""

    def read(self, start: int, size: int) -> bytes:
        """Return so many bytes from `start` on, or what is left of them.

        Raises:
            NotFound: The row was deleted meanwhile.
            StoreUnavailable: The database has failed.
        """
        with self.database.transaction() as connection:
            found = self._read_file(connection, start, size) if self.database.is_sqlite else None
            if not self.database.is_sqlite:
                part = func.substr(self.column, start + 1, size, type_=LargeBinary)
                found = connection.scalar(select(part).where(self.column.table.c.id == self.row_id))
        if found is None:
            raise NotFound("It was deleted meanwhile")
        return found

    def _read_file(self, connection: Connection, start: int, size: int) -> bytes | None:
        """Read from SQLite's own handle of a value: its `substr` would load the whole for each slice."""
        table = self.column.table
        row = connection.scalar(select(literal_column("rowid")).select_from(table).where(table.c.id == self.row_id))
        if row is None:
            return None
        driver: Any = connection.connection.driver_connection
        try:
            with driver.blobopen(table.name, self.column.name, row, readonly=True) as value:
                value.seek(start)
                part: bytes = value.read(size)
        except sqlite3.Error as error:
            raise StoreUnavailable from error
        return part


def find_record(database: Database, report_id: str) -> LargeValue | None:
    """Return a report's canonical JSON; None if there is no such report."""
    with database.transaction() as connection:
        size = connection.scalar(select(reports.c.record_bytes).where(reports.c.id == report_id))
    return None if size is None else LargeValue(database, reports.c.record, report_id, size)


def find_difference(database: Database, comparison_id: str) -> LargeValue | None:
    """Return the difference of a comparison as JSON; None if it is not done."""
    done = comparisons.c.id == comparison_id, comparisons.c.status == "done"
    with database.transaction() as connection:
        size = connection.scalar(select(comparisons.c.difference_bytes).where(*done))
    return None if size is None else LargeValue(database, comparisons.c.difference, comparison_id, size)
