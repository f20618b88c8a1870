"""Copies between databases: from SQLite to PostgreSQL, and a backup and its restoration as the documents say."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from backend import copy, jobs, request_ids, service
from backend.jobs import LostJob
from backend.settings import Settings
from backend.store import Store
from backend.trails import Trail

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own variables out."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def _fill(url: str, record: Any) -> list[str]:
    """Store three reports, and a comparison in each state; return the ids of the comparisons."""
    store = Store(url)
    ids = [service.add_report(store, json.dumps(record(commit=str(number))).encode())[0] for number in range(3)]
    pairs = (ids[0], ids[1]), (ids[1], ids[2]), (ids[2], ids[0])
    request_ids.follow("follow.me")
    done, failed, pending = (service.request_comparison(store, lambda _: None, *pair).id for pair in pairs)
    request_ids.follow(None)
    service.run_comparison(store, done)
    jobs.fail_unheld(store, failed, "why")
    store.close()
    return [done, failed, pending]


def _read(url: str) -> list[Any]:
    """Return all that the service tells."""
    store = Store(url)
    found = service.list_reports(store, variant="multi", limit=100, cursor=None)[0]
    told = [(report, service.get_record(store, report.id)) for report in found]
    store.close()
    return told


def _copy(own: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backend.copy", *arguments],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": own},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.services
def test_a_sqlite_database_moves_to_postgresql(
    new_postgres_database: Callable[[], str], tmp_path: Path, record: Any
) -> None:
    """Every report and comparison is there; what was pending is sent and done from there."""
    old, new = f"sqlite:///{tmp_path}/reports.db", new_postgres_database()
    done, failed, pending = _fill(old, record)
    told = _copy(new, "--from", old)
    store = Store(new)
    states = [service.get_comparison(store, each) for each in (done, failed, pending)]
    lost = jobs.take_lost(store, sent_seconds=0)
    service.run_comparison(store, pending)
    ended = service.get_comparison(store, pending)
    store.close()

    assert (told.returncode, told.stdout, told.stderr) == (0, "3 reports, 3 report variants, 3 comparisons\n", "")
    assert _read(new) == _read(old)
    assert [(each.status, each.why) for each in states] == [("done", None), ("failed", "why"), ("pending", None)]
    assert json.loads(states[0].difference or b"")[0]["variant"] == "multi"
    assert lost == [LostJob(pending, Trail("follow.me"))], "and it knows for whom"
    assert ended.status == "done"


@pytest.mark.services
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_is_restored(kind: str, request: Any, tmp_path: Path, record: Any) -> None:
    """A copy into a file while the service runs, and from it into an empty database."""
    if kind == "sqlite":
        own, empty = (f"sqlite:///{tmp_path}/{name}.db" for name in ("own", "empty"))
    else:
        make = request.getfixturevalue("new_postgres_database")
        own, empty = make(), make()
    _fill(own, record)
    running = Store(own)
    running.ping()
    backup = f"sqlite:///{tmp_path}/backup.db"
    saved = _copy(own, "--to", backup)
    before = _read(own)
    with running.transaction(write=True):  # the service goes on
        pass
    running.close()
    restored = _copy(empty, "--from", backup)

    assert (saved.returncode, restored.returncode) == (0, 0), saved.stderr + restored.stderr
    assert _read(empty) == before


@pytest.mark.services
def test_a_dump_of_postgresql_is_restored(
    new_postgres_database: Callable[[], str], tmp_path: Path, record: Any
) -> None:
    """PostgreSQL's own tools do as well: `pg_dump` and `pg_restore`."""
    own, empty = new_postgres_database(), new_postgres_database()
    _fill(own, record)
    dump = tmp_path / "reports.dump"
    subprocess.run(["pg_dump", "--format=custom", f"--file={dump}", own], check=True)
    subprocess.run(["pg_restore", "--no-owner", f"--dbname={empty}", str(dump)], check=True)

    assert _read(empty) == _read(own)


@pytest.mark.services  # a program of its own, by a user that may not write the file
def test_a_backup_that_may_only_be_read_is_enough(record: Any) -> None:
    """As one that was copied into a container by root."""
    with TemporaryDirectory() as folder:  # pytest's own lies in folders that are for root alone
        _fill(f"sqlite:///{folder}/backup.db", record)
        Path(folder).chmod(0o755)
        Path(folder, "backup.db").chmod(0o444)
        Path(folder, "data").mkdir()
        Path(folder, "data").chmod(0o777)
        load = "import os, sqlite3, sys, sqlalchemy.dialects.sqlite.pysqlite; from backend import copy; "
        drop = f"{load}os.geteuid() or os.setuid(65534); "
        program = f"{drop}sys.exit(copy.main(['--from', 'sqlite:///{folder}/backup.db']))"
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": f"sqlite:///{folder}/data/own.db"},
            capture_output=True,
            text=True,
            check=False,
        )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_target_and_a_missing_source_are_refused(tmp_path: Path, record: Any) -> None:
    """One line, status 1, and nothing is changed: no row of the target, and no file where there was none."""
    own, other = f"sqlite:///{tmp_path}/own.db", f"sqlite:///{tmp_path}/other.db"
    _fill(own, record)
    _fill(other, record)
    full = _copy(own, "--from", other)
    missing = _copy(own, "--from", f"sqlite:///{tmp_path}/none.db")

    assert (full.returncode, full.stderr) == (1, "The target holds reports already: copy into an empty database\n")
    assert (missing.returncode, missing.stderr) == (1, "The source is a file that does not exist\n")
    assert not (tmp_path / "none.db").exists()


def test_a_wrong_address_is_refused_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An address may hold a password."""
    monkeypatch.setenv("DATABASE_URL", "sqlite:////nowhere/reports.db")
    with pytest.raises(SystemExit) as caught:
        copy.main(["--to", "mysql://user:hunter22@host/x"])
    told = capsys.readouterr().err

    assert caught.value.code == 2
    assert "must be a URL that begins with sqlite:// or postgresql://" in told
    assert "hunter22" not in told


def test_an_interrupted_copy_leaves_an_empty_target(tmp_path: Path, record: Any) -> None:
    """A row that the target refuses takes back all that came before it."""
    own, target = f"sqlite:///{tmp_path}/own.db", tmp_path / "target.db"
    _fill(own, record)
    store = Store(f"sqlite:///{target}")
    store.ping()
    store.close()
    with sqlite3.connect(target) as connection:
        connection.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON comparisons BEGIN SELECT RAISE(FAIL, 'as a full disk would'); END"
        )
    connection.close()
    told = _copy(own, "--to", f"sqlite:///{target}")

    assert told.returncode == 1
    assert _read(f"sqlite:///{target}") == []


def test_a_copy_that_is_stopped_says_so_and_copies_nothing(tmp_path: Path, record: Any) -> None:
    """Ctrl-C is one line and no traceback, and the target takes a copy afterwards."""
    own, target = f"sqlite:///{tmp_path}/own.db", f"sqlite:///{tmp_path}/target.db"
    _fill(own, record)
    holder = Store(target)
    holder.ping()
    command = [sys.executable, "-m", "backend.copy", "--to", target]
    with (
        holder.transaction(write=True),  # so that the copy waits, and is stopped at a known place
        subprocess.Popen(command, env=os.environ | {"DATABASE_URL": own}, stderr=subprocess.PIPE, text=True) as run,
    ):
        time.sleep(2.5)
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=20)
    empty = _read(target)
    again = _copy(own, "--to", target)
    holder.close()

    assert (run.returncode, told) == (130, "Interrupted, so nothing was copied. Start it again when you like.\n")
    assert (empty, again.returncode) == ([], 0)
