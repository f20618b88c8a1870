"""The schema of a database: made, upgraded from every version since the first, or refused with the reason."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect, text

from backend import copy, jobs, large_values, migrate, service
from backend.database import Database
from backend.errors import WrongSchema
from backend.jobs import LostJob
from backend.store import Store
from backend.tables import VERSION, metadata
from backend.trails import Trail

ROOT = Path(__file__).parents[2]
# What the service made before it kept versions, as SQLite and PostgreSQL tell it themselves of databases of that time.
FIRST = """
CREATE TABLE reports (id VARCHAR(64) NOT NULL, recorded_at VARCHAR(20) NOT NULL, commit_ TEXT, dirty BOOLEAN NOT NULL,
  record BLOB NOT NULL, PRIMARY KEY (id));
CREATE INDEX reports_by_time ON reports (recorded_at, id);
CREATE TABLE comparisons (id VARCHAR(64) NOT NULL, before VARCHAR(64) NOT NULL REFERENCES reports (id),
  after VARCHAR(64) NOT NULL REFERENCES reports (id), status VARCHAR(8) NOT NULL, difference BLOB, why TEXT,
  attempts INTEGER NOT NULL, PRIMARY KEY (id));
CREATE TABLE report_variants (report_id VARCHAR(64) NOT NULL REFERENCES reports (id), position INTEGER NOT NULL,
  variant VARCHAR(200) NOT NULL, shipped_bytes BIGINT NOT NULL, PRIMARY KEY (report_id, position));
CREATE INDEX report_variants_by_name ON report_variants (variant, report_id);
INSERT INTO reports VALUES ('aa', '2026-01-01T00:00:00Z', 'c0ffee', true, CAST('{"format":1}' AS BLOB));
INSERT INTO reports VALUES ('bb', '2026-01-02T00:00:00Z', NULL, false, CAST('{}' AS BLOB));
INSERT INTO report_variants VALUES ('aa', 0, 'multi', 5), ('bb', 0, 'multi', 6), ('bb', 1, 'single', 7);
INSERT INTO comparisons VALUES ('pp', 'aa', 'bb', 'pending', NULL, NULL, 1);
INSERT INTO comparisons VALUES ('dd', 'bb', 'aa', 'done', CAST('[]' AS BLOB), NULL, 1);
""".replace("commit_", '"commit"')

# What version 1 makes, with the same rows.
SECOND = """
CREATE TABLE reports (id VARCHAR(64) NOT NULL, recorded_at VARCHAR(20) NOT NULL, commit_ TEXT, dirty BOOLEAN NOT NULL,
  record BLOB NOT NULL, record_bytes BIGINT NOT NULL, PRIMARY KEY (id));
CREATE INDEX reports_by_time ON reports (recorded_at, id, record_bytes);
CREATE TABLE comparisons (id VARCHAR(64) NOT NULL, before VARCHAR(64) NOT NULL REFERENCES reports (id),
  after VARCHAR(64) NOT NULL REFERENCES reports (id), status VARCHAR(8) NOT NULL, difference BLOB,
  difference_bytes BIGINT NOT NULL, why TEXT, attempts INTEGER NOT NULL, not_before DOUBLE NOT NULL,
  sent_at DOUBLE, lease_until DOUBLE, leased_by VARCHAR(32), PRIMARY KEY (id));
CREATE INDEX comparisons_by_before ON comparisons (before, difference_bytes);
CREATE INDEX comparisons_by_after ON comparisons (after, difference_bytes);
CREATE INDEX comparisons_by_status ON comparisons (status, not_before);
CREATE TABLE report_variants (report_id VARCHAR(64) NOT NULL REFERENCES reports (id), position INTEGER NOT NULL,
  variant VARCHAR(200) NOT NULL, shipped_bytes BIGINT NOT NULL, recorded_at VARCHAR(20) NOT NULL,
  PRIMARY KEY (report_id, position));
CREATE INDEX report_variants_by_time ON report_variants (variant, recorded_at, report_id);
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('0001');
INSERT INTO reports VALUES ('aa', '2026-01-01T00:00:00Z', 'c0ffee', true, CAST('{"format":1}' AS BLOB), 12);
INSERT INTO reports VALUES ('bb', '2026-01-02T00:00:00Z', NULL, false, CAST('{}' AS BLOB), 2);
INSERT INTO report_variants VALUES ('aa', 0, 'multi', 5, '2026-01-01T00:00:00Z'),
  ('bb', 0, 'multi', 6, '2026-01-02T00:00:00Z'), ('bb', 1, 'single', 7, '2026-01-02T00:00:00Z');
INSERT INTO comparisons VALUES ('pp', 'aa', 'bb', 'pending', NULL, 0, NULL, 1, 0, NULL, NULL, NULL);
INSERT INTO comparisons VALUES ('dd', 'bb', 'aa', 'done', CAST('[]' AS BLOB), 2, NULL, 1, 0, NULL, NULL, NULL);
""".replace("commit_", '"commit"')
OLD = {"0000": FIRST, "0001": SECOND}
"""Version -> a database of it."""

VERSIONS = "CREATE TABLE alembic_version (version_num VARCHAR(32))"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/reports.db"
    make: Callable[[], str] = request.getfixturevalue("new_postgres_database")
    return make()


def _engine(url: str) -> Engine:
    return create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def _run(url: str, script: str) -> None:
    """Run statements by the driver alone."""
    engine = _engine(url)
    with engine.begin() as connection:
        for statement in script.split(";\n"):
            if statement.strip():
                is_server = "postgresql" in url
                kinds = statement.replace("BLOB", "BYTEA").replace(" DOUBLE", " DOUBLE PRECISION")
                connection.exec_driver_sql(kinds if is_server else statement)
    engine.dispose()


def _describe(url: str) -> dict[str, Any]:
    """Return table -> its columns and indexes, as the database tells them."""
    engine = _engine(url)
    found = inspect(engine)
    shape = {
        table: (
            {column["name"]: (str(column["type"]), column["nullable"]) for column in found.get_columns(table)},
            {str(index["name"]): tuple(index["column_names"]) for index in found.get_indexes(table)},
            {tuple(key["constrained_columns"]): key["referred_table"] for key in found.get_foreign_keys(table)},
        )
        for table in found.get_table_names()
    }
    engine.dispose()
    return shape


@pytest.fixture(params=OLD)
def old(request: pytest.FixtureRequest) -> str:
    """Return each version that is older than ours."""
    return str(request.param)


@pytest.fixture
def upgraded(url: str, old: str) -> Iterator[Store]:
    """Yield the store of a database of an older version that was upgraded."""
    _run(url, OLD[old])
    database = Database(url, patient=True)
    database.ping()
    database.close()
    store = Store(url)
    yield store
    store.close()


def test_an_older_version_upgrades_and_keeps_its_rows(upgraded: Store) -> None:
    """Reports are listed as before, what was done stays done, and what was pending is sent and done."""
    assert [row.id for row in upgraded.reports(variant="multi", before=None, limit=9)] == ["bb", "aa"]
    assert [row.id for row in upgraded.reports(variant="single", before=None, limit=9)] == ["bb"]
    assert (record := large_values.find_record(upgraded, "aa"))
    assert record.read(0, 99) == b'{"format":1}'
    assert (done := upgraded.comparison("dd"))
    assert (done.status, done.difference) == ("done", b"[]")
    assert jobs.take_lost(upgraded) == [LostJob("pp", Trail())], "nobody has kept which request it comes from"
    assert jobs.claim(upgraded, "pp", 60)


def test_sizes_and_times_are_filled_in(upgraded: Store) -> None:
    """What retention and lists read of old rows is what new rows would have."""
    with upgraded.transaction() as connection:
        rows = connection.execute(
            text(
                "SELECT id, record_bytes, recorded_at FROM reports UNION ALL "
                "SELECT report_id, shipped_bytes, recorded_at FROM report_variants WHERE position = 0 ORDER BY 1, 2"
            )
        ).all()
        sizes = connection.execute(text("SELECT id, difference_bytes FROM comparisons ORDER BY id")).all()

    first, second = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    assert [tuple(row) for row in rows] == [
        ("aa", 5, first),
        ("aa", 12, first),
        ("bb", 2, second),
        ("bb", 6, second),
    ]
    assert [tuple(row) for row in sizes] == [("dd", 2), ("pp", 0)]


def test_an_upgraded_database_is_like_a_new_one(upgraded: Store, url: str, request: Any, tmp_path: Path) -> None:
    """The migrations make the tables that the code describes: the same columns, indexes and references."""
    upgraded.ping()
    is_file = url.startswith("sqlite")
    other = f"sqlite:///{tmp_path}/new.db" if is_file else request.getfixturevalue("new_postgres_database")()
    new = Store(other)
    new.ping()
    new.close()

    assert _describe(url) == _describe(other)
    assert _describe(url).keys() == metadata.tables.keys()


def test_the_migrations_make_what_each_version_made(url: str, old: str, request: Any, tmp_path: Path) -> None:
    """Up to the revision of a version they describe the databases of that time."""
    from backend.upgrading import upgrade  # noqa: PLC0415 - only this test needs Alembic by itself

    is_file = url.startswith("sqlite")
    other = f"sqlite:///{tmp_path}/made.db" if is_file else request.getfixturevalue("new_postgres_database")()
    _run(url, OLD[old])
    engine = _engine(other)
    with engine.begin() as connection:
        upgrade(connection, None, old)
    engine.dispose()
    made, expected = _describe(other), _describe(url)
    for shape in (made, expected):
        shape.pop("alembic_version", None)

    assert made == expected


def test_of_many_upgrades_at_the_same_instant_one_happens(url: str, old: str) -> None:
    """The lock makes the others wait, and then they find nothing to do."""
    _run(url, OLD[old])

    def run(_: int) -> None:
        database = Database(url, patient=True)
        database.ping()
        database.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(run, range(4)))

    engine = _engine(url)
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT version_num FROM alembic_version")).all() == [VERSION]
    engine.dispose()


def test_an_older_backup_is_restored(url: str, old: str, tmp_path: Path) -> None:
    """A copy upgrades the file that it reads, and its rows are in the new database."""
    backup = f"sqlite:///{tmp_path}/backup.db"
    _run(backup, OLD[old])
    source, target = Database(backup, patient=True), Database(url, patient=True)
    counts = copy.copy(source, target)
    source.close()
    target.close()
    store = Store(url)
    listed = [row.id for row in store.reports(variant="multi", before=None, limit=9)]
    lost = jobs.take_lost(store)
    store.close()

    assert counts == {"reports": 2, "report_variants": 3, "comparisons": 2}
    assert (listed, lost) == (["bb", "aa"], [LostJob("pp", Trail())])


def test_an_upgrade_that_fails_changes_nothing(url: str) -> None:
    """What does not fit stops the migration in its middle: the database is as before, for the old program."""
    _run(url, FIRST)
    before = _describe(url)
    _run(url, "CREATE TABLE obstacle (x INTEGER);\nCREATE INDEX comparisons_by_after ON obstacle (x)")
    store = Database(url, patient=True)
    with pytest.raises(Exception, match=r"comparisons_by_after|does not answer"):
        store.ping()
    store.close()
    after = _describe(url)
    del after["obstacle"]

    assert after == before


@pytest.mark.services
def test_postgresql_is_upgraded_by_the_command_alone(
    new_postgres_database: Callable[[], str],
    old: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Until then the service says what to run, in every refusal; afterwards it works without a new start."""
    url = new_postgres_database()
    _run(url, OLD[old])
    store = Store(url)
    with pytest.raises(WrongSchema, match=rf"has schema {old}, .* needs 0002: run `python -m backend.migrate`"):
        store.ping()
    with pytest.raises(WrongSchema):
        service.get_record(store, "a" * 64)
    monkeypatch.setenv("DATABASE_URL", url)
    status = migrate.main()
    store.ping()
    store.close()

    assert (status, capsys.readouterr().out) == (0, "The database has schema 0002\n")


def test_a_newer_schema_is_refused(url: str) -> None:
    """Also if another program upgrades it while this one runs; and when it fits again, the service works again."""
    store = Store(url)
    store.ping()
    _run(url, "UPDATE alembic_version SET version_num = '0003'")
    with pytest.raises(WrongSchema, match=r"has schema 0003, and this program knows 0002 at most"):
        store.ping()
    with pytest.raises(WrongSchema):
        store.reports(variant=None, before=None, limit=1)
    _run(url, "UPDATE alembic_version SET version_num = '0002'")
    store.ping()
    store.close()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("CREATE TABLE reports (id INTEGER, title TEXT)", "has a table 'reports' that this program did not make"),
        (
            "CREATE TABLE alembic_version (version_num VARCHAR(32));\nINSERT INTO alembic_version VALUES ('0002')",
            "lacks",
        ),
        ("CREATE TABLE alembic_version (version_num VARCHAR(32));\nINSERT INTO alembic_version VALUES ('f3a')", "f3a"),
        (
            "CREATE TABLE alembic_version (version_num VARCHAR(32));\nINSERT INTO alembic_version VALUES ('0000a1b2')",
            "has schema 0000a1b2, which is another program's",
        ),
    ],
)
def test_a_foreign_schema_is_refused_and_left_alone(url: str, script: str, reason: str) -> None:
    """The database of another program is not ready, the reason says so, and nothing in it is changed."""
    _run(url, script)
    before = _describe(url)
    store = Store(url)
    with pytest.raises(WrongSchema, match=reason):
        store.ping()
    store.close()

    assert _describe(url) == before


@pytest.mark.services
def test_readiness_tells_the_reason(serving: Any, redis_url: str, tmp_path: Path) -> None:
    """503 with the version and what to do, not `ok`; and a request is refused with the same words."""
    from backend.settings import Settings  # noqa: PLC0415 - beside its use

    url = f"sqlite:///{tmp_path}/reports.db"
    _run(url, "CREATE TABLE reports (id INTEGER, title TEXT)")
    with serving(Settings(database_url=url, redis_url=redis_url)) as client:
        ready, listed = client.get("/readyz"), client.get("/v1/reports")

    reason = "has a table 'reports' that this program did not make; use another database"
    assert (ready.status_code, ready.json()["checks"]) == (503, {"redis": "ok", "database": reason})
    assert (listed.status_code, listed.json()["detail"]) == (503, f"The database {reason}")


def test_neither_role_loads_alembic(tmp_path: Path) -> None:
    """The start of both is as fast as without it; an older SQLite file alone makes a role load it."""
    program = (
        "import sys, backend.application, backend.worker; from backend.store import Store; "
        f"Store('sqlite:///{tmp_path}/new.db').ping(); assert not {{'alembic', 'mako'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=os.environ | {"HOME": str(tmp_path)}, check=True)


def test_the_command_says_in_one_line_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A newer database and an unreachable one end it with status 1, without a traceback."""
    path = tmp_path / "reports.db"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")
    made = migrate.main()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0009'")
    connection.close()
    newer = migrate.main()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/none/reports.db")
    missing = migrate.main()
    errors = capsys.readouterr().err.splitlines()

    assert (made, newer, missing) == (0, 1, 1)
    assert errors[0] == "The database has schema 0009, and this program knows 0002 at most: use a newer one"
    assert errors[1].startswith("The database does not answer or cannot be written to.")
    assert len(errors) == 2
