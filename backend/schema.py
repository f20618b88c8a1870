"""Which schema a database has: makes it where there is none, and says why one does not fit.

A program reads and writes one version. An older SQLite file is upgraded when it is first used; PostgreSQL, which other
programs may still be using, by `python -m backend.migrate` alone.
"""

from __future__ import annotations

import re

from sqlalchemy import Connection, inspect, select, text

from backend.errors import WrongSchema
from backend.tables import FIRST_VERSION, VERSION, metadata, versions

UPGRADE = "python -m backend.migrate"
_SCHEMA_LOCK = 0x57424447
"""The advisory lock in PostgreSQL for changes of the schema; an arbitrary number that nothing else uses."""
_FIRST_COLUMNS = {
    "reports": {"id", "recorded_at", "commit", "dirty", "record"},
    "report_variants": {"report_id", "position", "variant", "shipped_bytes"},
    "comparisons": {"id", "before", "after", "status", "difference", "why", "attempts"},
}


def prepare(connection: Connection, *, may_upgrade: bool) -> None:
    """Make the schema in an empty database, or upgrade an older one, or raise WrongSchema.

    Several programs may do so at the same instant, so one waits for the others: the transaction of a SQLite file must
    have begun as a write.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK})
    version = read_version(connection)
    if version is None:
        metadata.create_all(connection)
        connection.execute(versions.insert().values(version_num=VERSION))
    elif version < VERSION and may_upgrade:
        from backend.upgrading import upgrade  # noqa: PLC0415 - takes a third of a second

        upgrade(connection, version)
    check_version(connection)
    if missing := _find_missing(connection):
        raise WrongSchema(f"says schema {VERSION}, but lacks {missing}: restore it from a backup")


def fits(connection: Connection) -> bool:
    """Tell whether the schema is ours and complete, which reading is enough for."""
    return (
        _has_versions(connection)
        and connection.scalar(select(versions.c.version_num)) == VERSION
        and _find_missing(connection) is None
    )


def read_version(connection: Connection) -> str | None:
    """Return the version of a database's schema, or None if it has none of our tables.

    Raises:
        WrongSchema: It has tables with our names that are not ours.
    """
    inspector = inspect(connection)
    present = set(inspector.get_table_names()) & metadata.tables.keys()
    if versions.name in present and (found := connection.scalar(select(versions.c.version_num))) is not None:
        return _check_ours(str(found))
    present.discard(versions.name)
    if not present:
        return None
    for table, columns in _FIRST_COLUMNS.items():
        if table not in present or {column["name"] for column in inspector.get_columns(table)} != columns:
            raise WrongSchema(f"has a table {min(present)!r} that this program did not make; use another database")
    return FIRST_VERSION


def check_version(connection: Connection) -> None:
    """Make sure that the schema is still ours: another program may have upgraded it since.

    Raises:
        WrongSchema: It is another one; the text says what to do.
    """
    found = connection.scalar(select(versions.c.version_num)) if _has_versions(connection) else read_version(connection)
    if found is None:
        raise WrongSchema("has lost its schema")
    _check_ours(found)
    if found < VERSION:
        raise WrongSchema(f"has schema {found}, and this program needs {VERSION}: run `{UPGRADE}`")
    if found > VERSION:
        raise WrongSchema(f"has schema {found[:40]}, and this program knows {VERSION} at most: use a newer one")


def _check_ours(version: str) -> str:
    """Return a version if it has the form of ours: other programs that use Alembic have the same table."""
    if not re.fullmatch("[0-9]{4}", version):
        raise WrongSchema(f"has schema {version[:40]}, which is another program's: use another database")
    return version


def _has_versions(connection: Connection) -> bool:
    return inspect(connection).has_table(versions.name)


def _find_missing(connection: Connection) -> str | None:
    """Return a column that we use and that the tables lack, whatever the version says."""
    inspector = inspect(connection)
    for table in metadata.tables.values():
        there = inspector.get_columns(table.name) if inspector.has_table(table.name) else ()
        missing = {column.name for column in table.columns} - {column["name"] for column in there}
        if missing:
            return f"{table.name}.{min(missing)}"
    return None
