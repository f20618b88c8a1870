"""Upgrades a schema with Alembic. Its import takes a third of a second, so whoever needs it imports it then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from backend.tables import VERSION, versions

FOLDER = Path(__file__).with_name("migrations")


def upgrade(connection: Connection, current: str | None, target: str = VERSION) -> None:
    """Run every migration after `current`, which may be None, up to and including `target`.

    The caller's transaction keeps all of them or none. It holds the lock that lets one upgrade run at a time.
    """
    if current is not None:
        _note(connection, current)
    config = Config()
    config.set_main_option("script_location", FOLDER.as_posix().replace("%", "%%"))
    config.set_main_option("version_locations", FOLDER.as_posix().replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("sourceless", "true")  # the image has bytecode alone
    scripts = ScriptDirectory.from_config(config)

    def steps(revision: Any, _: object) -> Any:
        return scripts._upgrade_revs(target, revision)  # noqa: SLF001 - as Alembic's own command does it

    with EnvironmentContext(config, scripts, fn=steps) as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()


def _note(connection: Connection, version: str) -> None:
    """Write down the version of a database that was made before versions were kept."""
    versions.create(connection, checkfirst=True)
    connection.execute(versions.delete())
    connection.execute(versions.insert().values(version_num=version))
