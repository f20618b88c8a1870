"""Upgrades the database to the schema of this version: `python -m backend.migrate`, a step before both roles start."""

from __future__ import annotations

import sys

from backend.database import Database
from backend.errors import Unavailable, root_cause
from backend.schema import read_version
from backend.settings import load_settings


def main() -> int:
    """Upgrade the database of the settings; return 1 if that is not possible, with one line that says why."""
    database = Database(load_settings().database_url, patient=True)
    try:
        with database.transaction() as connection:
            print(f"The database has schema {read_version(connection)}")  # noqa: T201 - a command's output
    except Unavailable as error:
        print(f"{error} ({root_cause(error)})" if error.__cause__ else error, file=sys.stderr)  # noqa: T201 - likewise
        return 1
    finally:
        database.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
