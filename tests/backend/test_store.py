"""The database: both kinds, under contention and out of order."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, create_engine, select, text

from backend import jobs, large_values
from backend.errors import NotFound, StoreUnavailable, root_cause
from backend.settings import Settings
from backend.store import Store, StoredReport, _page, delete_reports
from backend.tables import comparisons, reports, variants

ROOT = Path(__file__).parents[2]
THREADS = 8
Result = TypeVar("Result")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/reports.db"
    found: str = request.getfixturevalue("postgres_url")
    engine = create_engine(found.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return found


def _report(digit: str = "a", size: int = 1, variant: str = "multi") -> StoredReport:
    return StoredReport(
        id=digit * 64, recorded_at="2026-11-23T10:00:00Z", commit=None, dirty=True, variants=((variant, size),)
    )


def _at_once(work: Callable[[int], Result]) -> list[Result]:
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> Result:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(run, range(THREADS)))


def test_the_schema_is_created_by_all_at_the_same_instant(url: str) -> None:
    """API and worker start together on an empty database, and neither fails."""

    def start(_: int) -> object:
        store = Store(url)
        try:
            return large_values.find_record(store, "a" * 64)
        finally:
            store.close()

    assert _at_once(start) == [None] * THREADS


def test_of_equal_reports_at_the_same_instant_one_is_new(url: str) -> None:
    """A race gives one row and no error."""
    store = Store(url)
    store.ping()
    results = _at_once(lambda _: store.add_report(_report(), b"{}"))
    kept = store.reports(variant=None, before=None, limit=10)
    store.close()

    assert sorted(results) == [False] * (THREADS - 1) + [True]
    assert [_report()] == kept


def test_of_equal_comparisons_at_the_same_instant_there_is_one(url: str) -> None:
    """A race gives one row, which all of them get."""
    store = Store(url)
    store.add_report(_report(), b"{}")
    rows = _at_once(lambda _: store.open_comparison("c" * 64, "a" * 64, "a" * 64))
    store.close()

    assert [rows[0]] * THREADS == rows
    assert sum(row.opened_at is not None for row in rows) == 1


def test_the_largest_values_fit(url: str) -> None:
    """What the service lets through, the columns hold."""
    report = _report(size=2**63 - 1, variant="é" * 200)
    store = Store(url)
    store.add_report(report, b'"' + b"x" * 10**6 + b'"')
    kept = store.reports(variant="é" * 200, before=None, limit=1)
    store.close()

    assert [report] == kept


def test_done_is_final(url: str) -> None:
    """A late failure of a second delivery does not undo what the first one found."""
    store = Store(url)
    store.add_report(_report(), b"{}")
    store.open_comparison("c" * 64, "a" * 64, "a" * 64)
    lease = jobs.claim(store, "c" * 64, 60)
    assert lease
    assert jobs.finish(store, lease, b"[]")
    late = jobs.fail(store, lease, "too late")
    jobs.fail_unheld(store, "c" * 64, "too late")
    opened = store.open_comparison("c" * 64, "a" * 64, "a" * 64)
    found = store.comparison("c" * 64)
    store.close()

    assert found is not None
    assert (late, opened.opened_at, opened.status, opened.difference) == (False, None, "done", None)
    assert (found.status, found.difference, found.why) == ("done", b"[]", None)


def test_a_database_that_comes_up_late_is_used_then(tmp_path: Path) -> None:
    """The store is made before its database can be, and recovers by itself."""
    store = Store(f"sqlite:///{tmp_path}/later/reports.db")
    with pytest.raises(StoreUnavailable):
        store.ping()
    (tmp_path / "later").mkdir()

    assert store.add_report(_report(), b"{}")
    store.close()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    """A damaged database file raises our own error."""
    (tmp_path / "reports.db").write_bytes(b"no database" * 1000)
    store = Store(f"sqlite:///{tmp_path}/reports.db")

    with pytest.raises(StoreUnavailable, match="does not answer or cannot be written"):
        store.ping()
    store.close()


def test_a_full_disk_is_unavailable_and_keeps_nothing_half(tmp_path: Path) -> None:
    """What does not fit is not there, and what was there still is."""
    store = Store(f"sqlite:///{tmp_path}/reports.db")
    store.add_report(_report(), b"{}")
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 20")  # SQLite's own way to say that the disk is full

    with pytest.raises(StoreUnavailable):
        store.add_report(_report("b"), b"x" * 10**6)
    kept = store.reports(variant=None, before=None, limit=10)
    store.close()

    assert [_report()] == kept


def test_a_file_that_was_deleted_is_made_anew(tmp_path: Path) -> None:
    """Open connections do not go on with a file that nobody else sees: neither a ping nor a request does."""
    path = tmp_path / "reports.db"
    store = Store(f"sqlite:///{path}")
    store.ping()
    path.unlink()
    store.ping()
    found = path.exists()
    path.unlink()
    added = store.add_report(_report(), b"{}")
    kept = path.exists()
    shutil.move(tmp_path, f"{tmp_path}.away")
    with pytest.raises(StoreUnavailable):
        store.ping()
    shutil.move(f"{tmp_path}.away", tmp_path)
    again = store.has_report("a" * 64)
    store.close()

    assert (found, added, kept, again) == (True, True, True, True)


def test_a_ping_needs_the_right_to_write(tmp_path: Path) -> None:
    """Where no journal can be made, the database cannot be written: as in a folder that is read-only."""
    store = Store(f"sqlite:///{tmp_path}/reports.db")
    store.ping()
    (tmp_path / "reports.db-journal").mkdir()

    with pytest.raises(StoreUnavailable):
        store.ping()
    (tmp_path / "reports.db-journal").rmdir()
    store.ping()
    store.close()


def test_a_ping_needs_room(tmp_path: Path) -> None:
    """On a full disk the database is not ready. A limit of the process stands for the disk."""
    store = Store(f"sqlite:///{tmp_path}/reports.db")
    store.ping()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(StoreUnavailable):
            store.ping()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    store.ping()
    store.close()


def test_a_ping_changes_nothing(tmp_path: Path) -> None:
    """What it begins to write it takes back."""
    path = tmp_path / "reports.db"
    store = Store(f"sqlite:///{path}")
    store.add_report(_report(), b"{}")
    before = path.read_bytes()
    store.ping()
    after = path.read_bytes()
    store.close()

    assert before == after
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_reaches_for_psycopg(scheme: str, free_port_of: Callable[[], int]) -> None:
    """The spellings that platforms hand out all work, and a server that is gone is unavailable."""
    store = Store(f"{scheme}://user:secret@127.0.0.1:{free_port_of()}/reports")

    with pytest.raises(StoreUnavailable) as caught:
        store.ping()
    assert "psycopg" in str(caught.value.__cause__)
    store.close()


@pytest.mark.services
def test_connections_that_the_server_dropped_are_replaced(postgres_url: str) -> None:
    """PostgreSQL restarts, and the next request does not pay for it."""
    store = Store(postgres_url)
    store.ping()
    engine = create_engine(postgres_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        ended = connection.scalar(text(f"{query} AND usename = 'tester'"))
    engine.dispose()
    store.ping()
    store.close()

    assert ended


def _fill(store: Store, count: int) -> None:
    """Store reports, a hundredth of them with the variant `rare`."""
    times = [f"2026-{1 + n % 12:02}-{1 + n % 28:02}T{n % 24:02}:{n % 60:02}:00Z" for n in range(count)]
    rows = [
        {"id": f"{n:064}", "recorded_at": time, "dirty": False, "record": b"{}", "record_bytes": 2}
        for n, time in enumerate(times)
    ]
    sizes = [
        {
            "report_id": f"{n:064}",
            "position": position,
            "variant": variant,
            "shipped_bytes": 1,
            "recorded_at": time,
        }
        for n, time in enumerate(times)
        for position, variant in enumerate(["multi", "rare" if n % 100 == 0 else "minimal"])
    ]
    with store.transaction(write=True) as connection:
        connection.execute(reports.insert(), rows)
        connection.execute(variants.insert(), sizes)
    with store._engine.connect() as plain, plain.execution_options(write=True).begin() as _:
        plain.exec_driver_sql("ANALYZE")


@pytest.mark.slow
@pytest.mark.parametrize("variant", [None, "multi", "rare", "unknown"])
def test_a_list_reads_as_much_as_it_shows(url: str, variant: str | None) -> None:
    """Among 20,000 reports a page is read from an index in its order, wherever it begins, without a scan or a sort."""
    store = Store(url)
    _fill(store, 20_000)
    plans = []
    for before in (None, ("2026-06-15T12:00:00Z", "0" * 64)):
        query = _page(variant, before, 21)
        text_of_it = str(query.compile(store._engine, compile_kwargs={"literal_binds": True}))
        explain = "EXPLAIN QUERY PLAN" if store.is_sqlite else "EXPLAIN"
        with store.transaction() as connection:
            plans += [" ".join(map(str, row)) for row in connection.exec_driver_sql(f"{explain} {text_of_it}")]
    store.close()
    plan = "\n".join(plans)

    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan
    assert "Seq Scan" not in plan
    assert ("reports_by_time" if variant is None else "report_variants_by_time") in plan


@pytest.mark.slow
def test_many_writers_at_once_all_write(settings: Settings) -> None:
    """Threads of two processes write as fast as they can, for 20 ms each: none finds the database locked."""
    code = """
import sys, threading, time
from sqlalchemy import text
from backend.database import Database
database, faults = Database(sys.argv[1]), []
def write():
    for _ in range(8):
        try:
            with database.transaction(write=True) as connection:
                connection.execute(text("UPDATE comparisons SET attempts = 1"))
                time.sleep(0.02)
        except Exception as error:
            faults.append(error)
threads = [threading.Thread(target=write) for _ in range(int(sys.argv[2]))]
[each.start() for each in threads]
[each.join() for each in threads]
sys.exit(str(faults[0].__cause__) if faults else 0)
"""
    words = [sys.executable, "-c", code, settings.database_url]
    with ExitStack() as stack:
        both = [
            stack.enter_context(subprocess.Popen([*words, threads], cwd=ROOT, stderr=subprocess.PIPE, text=True))
            for threads in ("40", "1")
        ]
        told = [process.communicate(timeout=60)[1] for process in both]

    assert told == ["", ""]


def _after(store: Store, work: Callable[[], Result], hold: Callable[[Connection], object]) -> Result:
    """Begin some work while another transaction is open that has done something, and return what it then returns."""
    with ThreadPoolExecutor(1) as threads:
        with store.transaction(write=True) as connection:
            hold(connection)
            begun = threads.submit(work)
            time.sleep(0.5)
            assert not begun.done()
        return begun.result(10)


def test_a_deletion_waits_for_a_comparison_that_begins(url: str) -> None:
    """What is asked for at the same instant as a report of it is deleted goes with the report, and nobody fails."""
    store = Store(url)
    for digit in "ab":
        store.add_report(_report(digit), b"{}")
    pair = select(reports.c.id).order_by(reports.c.id).with_for_update(read=True, key_share=True)
    row = {"id": "c" * 64, "before": "a" * 64, "after": "b" * 64, "status": "pending", "difference_bytes": 0}

    def ask(connection: Connection) -> None:
        connection.execute(pair)
        connection.execute(comparisons.insert().values(**row, attempts=0, not_before=0))

    assert _after(store, lambda: store.delete_report("a" * 64), ask)
    assert (store.has_report("a" * 64), store.comparison("c" * 64)) == (False, None)
    store.close()


@pytest.mark.parametrize("known", [False, True])
def test_a_comparison_waits_for_a_deletion(url: str, *, known: bool) -> None:
    """Also one that was there before: then there is no report to compare, and that is all."""
    store = Store(url)
    for digit in "ab":
        store.add_report(_report(digit), b"{}")
    if known:
        store.open_comparison("c" * 64, "a" * 64, "b" * 64)
    with pytest.raises(NotFound):
        _after(
            store,
            lambda: store.open_comparison("c" * 64, "a" * 64, "b" * 64),
            lambda connection: delete_reports(connection, ["a" * 64]),
        )
    store.close()


def test_lists_cut_a_commit_from_before_its_limit(url: str) -> None:
    """An older service took any text, and a list holds a hundred of them."""
    store = Store(url)
    store.add_report(replace(_report(), commit="é" * 100_000), b"{}")

    assert [found.commit for found in store.reports(variant=None, before=None, limit=10)] == ["é" * 200]
    store.close()


@pytest.mark.services
def test_postgresql_that_only_takes_reads_is_not_ready(new_postgres_database: Callable[[], str]) -> None:
    """One in recovery, or a copy: every write would be answered with 503. When it takes writes, it is ready again."""
    url = new_postgres_database()
    store = Store(url)
    store.ping()
    name = url.rpartition("/")[2]
    told = []
    for value in ("on", "off"):
        with store.transaction() as connection:
            connection.exec_driver_sql("SET LOCAL transaction_read_only = off")
            connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}")
        store.close()
        try:
            store.ping()
        except StoreUnavailable as error:
            told.append(f"{value}: {root_cause(error)}")
    listed = store.reports(variant=None, before=None, limit=1)
    store.close()

    assert (told, listed) == (["on: PermissionError: it only takes reads"], [])
