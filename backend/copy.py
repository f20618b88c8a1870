"""Copies a whole database into an empty one, of either kind: to move from SQLite to PostgreSQL, to back up, to restore.

usage: python -m backend.copy --from URL     URL into the service's own database
       python -m backend.copy --to URL       the service's own database into URL

The service's own is that of `DATABASE_URL`. The copy is one transaction on either side, so the service may run
meanwhile: it is the state of one instant, or nothing.
"""

from __future__ import annotations

import argparse
import sys

from pydantic import ValidationError
from sqlalchemy import Connection, Table, func, select

from backend.database import Database
from backend.errors import BackendError, Invalid, root_cause
from backend.settings import Settings, load_settings
from backend.tables import comparisons, reports, variants

TABLES = (reports, variants, comparisons)
"""In the order of their references."""
_BATCH = {reports.name: 4, variants.name: 1000, comparisons.name: 1}
"""Rows in memory at once; a record may have 10 MB, a difference more."""


def copy(source: Database, target: Database) -> dict[str, int]:
    """Copy all rows, and return how many by table.

    Raises:
        Invalid: There is no source, or the target has reports already.
        Unavailable: One of the two does not answer, or has a schema that does not fit.
    """
    if not source.exists():
        raise Invalid("The source is a file that does not exist")
    with source.transaction() as reading, target.transaction(write=True) as writing:
        if reading.dialect.name == "postgresql":
            reading.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        if any(writing.scalar(select(func.count()).select_from(table)) for table in TABLES):
            raise Invalid("The target holds reports already: copy into an empty database")
        return {table.name: _copy_table(reading, writing, table) for table in TABLES}


def _copy_table(reading: Connection, writing: Connection, table: Table) -> int:
    streaming = reading.execution_options(yield_per=_BATCH[table.name])
    count = 0
    for rows in streaming.execute(select(table)).mappings().partitions():
        writing.execute(table.insert(), [dict(row) for row in rows])
        count += len(rows)
    return count


def main(arguments: list[str] | None = None) -> int:
    """Copy as the arguments say; return 1 if that is not possible, with one line that says why."""
    parser = argparse.ArgumentParser(prog="python -m backend.copy", description="Copy a database into an empty one.")
    sides = parser.add_mutually_exclusive_group(required=True)
    sides.add_argument("--from", dest="source", metavar="URL", help="copy this into the service's own database")
    sides.add_argument("--to", dest="target", metavar="URL", help="copy the service's own database into this")
    given = parser.parse_args(arguments)
    try:
        other = Settings(database_url=given.source or given.target).database_url
    except ValidationError as error:
        parser.error(error.errors(include_input=False)[0]["msg"].removeprefix("Value error, "))
    own = load_settings().database_url
    first, second = (other, own) if given.source else (own, other)
    source, target = Database(first, patient=True), Database(second, patient=True)
    try:
        counts = copy(source, target)
    except BackendError as error:
        print(f"{error} ({root_cause(error)})" if error.__cause__ else error, file=sys.stderr)  # noqa: T201 - output
        return 1
    except KeyboardInterrupt:
        print("Interrupted, so nothing was copied. Start it again when you like.", file=sys.stderr)  # noqa: T201 - likewise
        return 130
    finally:
        source.close()
        target.close()
    print(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()))  # noqa: T201 - likewise
    return 0


if __name__ == "__main__":
    sys.exit(main())
