"""Both roles as the image starts them, with a real Redis and a real database."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import yaml
from celery.exceptions import (  # type: ignore[import-untyped]  # Celery ships no types
    SoftTimeLimitExceeded,
    TimeLimitExceeded,
)
from redis import Redis

from backend import health, service, worker
from backend.broker import make_celery
from backend.settings import JOB_SECONDS, Settings
from backend.store import Store

ROOT = Path(__file__).parents[2]
WORKER = ("celery", "-A", "backend.worker", "worker", "--without-gossip", "--without-mingle")
UNKNOWN = "f" * 64
services = pytest.mark.services
Found = TypeVar("Found")


def _wait_for(look: Callable[[], Found | None], seconds: float = 20) -> Found:
    """Return the first thing found that is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def _lines(path: Path) -> list[dict[str, Any]]:
    """Return a log, every line of which must be JSON."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def _celery(env: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "celery", "-A", "backend.worker", *command],
        cwd=ROOT,
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def env(request: pytest.FixtureRequest, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """Return the environment of both roles, once with each database."""
    url = f"sqlite:///{tmp_path}/w.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    beat = str(tmp_path / "beat")
    return {"REDIS_URL": redis_url, "DATABASE_URL": url, "HEARTBEAT_PATH": beat, "HOME": str(tmp_path / "home")}


def test_the_configuration_keeps_what_a_container_needs() -> None:
    """Late acknowledgement, no prefetching, JSON alone, and limits: each shorter than what waits for it."""
    conf = make_celery(Settings(visibility_timeout_seconds=77, worker_concurrency=3)).conf

    assert (
        conf.task_acks_late,
        conf.task_reject_on_worker_lost,
        conf.worker_prefetch_multiplier,
        conf.worker_concurrency,
    ) == (True, True, 1, 3)
    assert (conf.accept_content, conf.task_serializer, conf.result_serializer) == (["json"], "json", "json")
    grace = int(re.search(r"stop_grace_period: (\d+)s +# no job", (ROOT / "compose.yaml").read_text())[1])  # type: ignore[index]
    transport = conf.broker_transport_options
    assert (transport["visibility_timeout"], transport["unacked_restore_interval"]) == (77, 7)
    assert service.MAX_REHEARSAL_SECONDS < conf.task_soft_time_limit < conf.task_time_limit < grace < 60


@services
def test_a_comparison_goes_through_both_roles(
    env: dict[str, str], start: Any, record: Any, free_port_of: Callable[[], int], tmp_path: Path
) -> None:
    """Posted, sent, compared by the worker and read back; both logs are JSON and both roles are healthy."""
    port = free_port_of()
    start("api", "uvicorn", "backend.main:app", "--port", str(port), env=env)
    start("worker", *WORKER, env=env)
    _wait_for(lambda: health.check_api(str(port))[0])
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        ids = [
            client.post("/v1/reports", json=record(image={"shipped_bytes": size})).json()["id"] for size in (100, 70)
        ]
        asked = client.post("/v1/comparisons", json={"before": ids[0], "after": ids[1]})
        location = asked.headers["location"]
        done = _wait_for(lambda: next((a for a in [client.get(location).json()] if a["status"] != "pending"), None))
        ready = client.get("/readyz")
    _wait_for(lambda: health.check_worker(env["HEARTBEAT_PATH"])[0])

    assert (asked.status_code, asked.json()["status"]) == (202, "pending")
    assert (
        done["status"],
        [(variant["variant"], variant["delta_bytes"]) for variant in done["difference"]],
    ) == ("done", [("multi", -30)])
    assert ready.json() == {"ready": True, "checks": {"redis": "ok", "database": "ok"}}
    assert {"backend.service", "celery.apps.worker"} <= {line["logger"] for line in _lines(tmp_path / "worker.log")}
    messages = [line["message"] for line in _lines(tmp_path / "api.log")]
    assert "Started server process" in messages[0]
    assert sum("/readyz" in message for message in messages) == 1
    assert (tmp_path / "api.err").read_text() == ""
    assert not (tmp_path / "home").exists()


@services
@pytest.mark.parametrize("env", ["sqlite"], indirect=True)
def test_a_stop_lets_a_running_job_finish(env: dict[str, str], start: Any, tmp_path: Path) -> None:
    """`celery call` prints the id and nothing else; SIGTERM waits for the job; the heartbeat file goes."""
    worker = start("worker", *WORKER, env=env)
    sent = _celery(env, "call", "backend.rehearse", "--args=[2]")
    log = tmp_path / "worker.log"
    _wait_for(lambda: "rehearsal started" in log.read_text())
    beating = health.check_worker(env["HEARTBEAT_PATH"])[0]
    worker.send_signal(signal.SIGTERM)
    status = worker.wait(20)
    job = sent.stdout.strip()
    told = [(line["message"], line["job"]) for line in _lines(log) if "job" in line]

    assert (len(job), sent.stdout.count("\n"), sent.stderr) == (36, 1, "")
    assert [("rehearsal started", job), ("rehearsal finished", job)] == told
    assert (status, beating, Path(env["HEARTBEAT_PATH"]).exists()) == (0, True, False)
    assert _celery(env, "result", job).stdout == "2\n"


@services
@pytest.mark.parametrize("env", ["sqlite"], indirect=True)
def test_a_worker_outlives_its_redis(
    env: dict[str, str], start: Any, free_port_of: Callable[[], int], running_redis: Any, tmp_path: Path
) -> None:
    """Redis goes away for three seconds while a job runs: the same process does the next job."""
    port, log = free_port_of(), tmp_path / "worker.log"
    env |= {"REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    with running_redis(port, tmp_path):
        worker = start("worker", *WORKER, env=env)
        _celery(env, "call", "backend.rehearse", "--args=[5]")
        _wait_for(lambda: "rehearsal started" in log.read_text())
    time.sleep(3)
    with running_redis(port, tmp_path):
        job = _celery(env, "call", "backend.rehearse", "--args=[0]").stdout.strip()
        _wait_for(lambda: ("rehearsal finished", job) in [(line["message"], line.get("job")) for line in _lines(log)])
        alive = worker.poll() is None
        worker.send_signal(signal.SIGTERM)
        status = worker.wait(20)

    assert (alive, status) == (True, 0)


@services
@pytest.mark.parametrize("env", ["sqlite"], indirect=True)
def test_the_job_of_a_killed_worker_goes_to_another(
    env: dict[str, str], start: Any, free_port_of: Callable[[], int], running_redis: Any, tmp_path: Path
) -> None:
    """After the visibility timeout and ten seconds at most; the test makes the job's delivery that old."""
    port = free_port_of()
    env |= {"REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    with running_redis(port, tmp_path):
        first = start("first", *WORKER, env=env, own_group=True)
        job = _celery(env, "call", "backend.rehearse", "--args=[2]").stdout.strip()
        _wait_for(lambda: "rehearsal started" in (tmp_path / "first.log").read_text())
        os.killpg(first.pid, signal.SIGKILL)
        start("second", *WORKER, env=env)
        with Redis.from_url(env["REDIS_URL"]) as redis:
            [(tag, since)] = redis.zrange("unacked_index", 0, -1, withscores=True)
            redis.zadd("unacked_index", {tag: since - 120})
        _wait_for(lambda: "rehearsal finished" in (tmp_path / "second.log").read_text(), 25)

        assert job in (tmp_path / "second.log").read_text()


@pytest.mark.slow
@services
@pytest.mark.parametrize("env", ["sqlite"], indirect=True)
def test_a_short_timeout_gives_the_job_of_a_killed_worker_to_another_soon(
    env: dict[str, str], start: Any, free_port_of: Callable[[], int], running_redis: Any, tmp_path: Path
) -> None:
    """Ten seconds after its first delivery and one at most: done once, by a worker that was started meanwhile."""
    port = free_port_of()
    env |= {"REDIS_URL": f"redis://127.0.0.1:{port}/0", "VISIBILITY_TIMEOUT_SECONDS": "10"}
    with running_redis(port, tmp_path):
        first = start("first", *WORKER, env=env, own_group=True)
        job = _celery(env, "call", "backend.rehearse", "--args=[2]").stdout.strip()
        _wait_for(lambda: "rehearsal started" in (tmp_path / "first.log").read_text())
        began = time.monotonic()
        os.killpg(first.pid, signal.SIGKILL)
        second = start("second", *WORKER, env=env)
        _wait_for(lambda: "rehearsal started" in (tmp_path / "second.log").read_text(), 15)
        seconds = time.monotonic() - began
        assert _celery(env, "result", job).stdout == "2\n"
        second.send_signal(signal.SIGTERM)
        second.wait(20)

    assert 9 < seconds < 14
    assert (tmp_path / "second.log").read_text().count("rehearsal started") == 1


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (SoftTimeLimitExceeded(), f"It took longer than {JOB_SECONDS} seconds."),
        (TimeLimitExceeded(), f"It took longer than {JOB_SECONDS} seconds."),
        (KeyError("x"), "The service has failed: KeyError"),
    ],
)
def test_a_comparison_that_fails_says_why(
    store: Store, record: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, why: str
) -> None:
    """A comparison that failed or took too long is stored as failed, with the reason."""
    report_id, _ = service.add_report(store, json.dumps(record()).encode())
    opened = service.request_comparison(store, lambda _: None, report_id, report_id)
    monkeypatch.setattr(worker, "_store", lambda: store)
    worker.compare.on_failure(error, "", [opened.id], {}, None)
    found = service.get_comparison(store, opened.id)

    assert (found.status, found.why) == ("failed", why)


@services
@pytest.mark.parametrize("env", ["sqlite"], indirect=True)
def test_an_unexpected_error_is_stored_and_logged(env: dict[str, str], start: Any, record: Any, tmp_path: Path) -> None:
    """A fault of ours fails the comparison and leaves a traceback in the log, on one line."""
    store = Store(env["DATABASE_URL"])
    report_id, _ = service.add_report(store, json.dumps(record()).encode())
    opened = service.request_comparison(store, lambda _: None, report_id, report_id)
    with store._engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER broken BEFORE UPDATE ON comparisons WHEN NEW.status = 'done' "
            "BEGIN SELECT RAISE(ABORT, 'as a fault of ours would'); END"
        )
    start("worker", *WORKER, env=env)
    _celery(env, "call", "backend.compare", f'--args=["{opened.id}"]')
    _wait_for(lambda: service.get_comparison(store, opened.id).status == "failed")
    found = service.get_comparison(store, opened.id)
    store.close()

    assert (found.why or "").startswith("The service has failed: ")
    assert any("Traceback" in line.get("exception", "") for line in _lines(tmp_path / "worker.log"))


@services
@pytest.mark.parametrize("env", ["sqlite"], indirect=True)
def test_a_job_waits_for_its_database(env: dict[str, str], start: Any, tmp_path: Path) -> None:
    """A database that is away is tried again, and the job goes on when it is back."""
    start("worker", *WORKER, env=env | {"DATABASE_URL": f"sqlite:///{tmp_path}/later/w.db"})
    _celery(env, "call", "backend.compare", f'--args=["{UNKNOWN}"]')
    log = tmp_path / "worker.log"
    _wait_for(lambda: "Retry in" in log.read_text())
    before = log.read_text()
    (tmp_path / "later").mkdir()
    _wait_for(lambda: "comparison skipped" in log.read_text())

    assert "comparison skipped" not in before
    assert "The database does not answer" in before


@services  # slow to start, both of them
@pytest.mark.parametrize("program", [("uvicorn", "backend.main:app"), ("celery", "-A", "backend.worker", "worker")])
def test_a_bad_setting_ends_either_role_in_one_line(program: tuple[str, ...], start: Any, tmp_path: Path) -> None:
    """No traceback for a mistyped variable."""
    status = start("role", *program, env={"LOG_LEVEL": "loud"}).wait(20)
    told = (tmp_path / "role.err").read_text() + (tmp_path / "role.log").read_text()

    assert (status, told.count("\n")) == (2, 1)
    assert told.startswith("The setting LOG_LEVEL is wrong: ")


@services
@pytest.mark.slow
@pytest.mark.parametrize("env", ["sqlite"], indirect=True)
def test_large_comparisons_fit_into_the_memory_of_the_worker(env: dict[str, str], start: Any, record: Any) -> None:
    """Six pairs of the largest records are compared one at a time, with room to spare in what compose.yaml grants.

    A process that has become large by that is replaced.
    """
    granted = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["worker"]["mem_limit"]
    store = Store(env["DATABASE_URL"])
    ids = [service.add_report(store, _make_large(record, number))[0] for number in range(7)]
    pairs = [store.open_comparison(f"{number:064}", *pair) for number, pair in enumerate(itertools.pairwise(ids))]
    process = start("worker", *WORKER, env=env, own_group=True)
    for pair in pairs:
        _celery(env, "call", "backend.compare", f'--args=["{pair.id}"]')
    peak, seen = 0, set[int]()
    deadline = time.monotonic() + 200
    while "pending" in (states := [service.get_comparison(store, pair.id).status for pair in pairs]):
        assert time.monotonic() < deadline, states
        group = _look_at_group(process.pid)
        peak, seen = max(peak, sum(group.values())), seen | group.keys()
        time.sleep(0.05)
    store.close()

    assert states == ["done"] * 6
    assert granted == "512m"
    assert peak < 350 * 2**20, f"{peak / 1e6:.0f} MB"
    assert len(seen) > 1 + 2


def _make_large(record: Any, number: int) -> bytes:
    """Return a record of almost 10 MB that consists of rows that all differ from those of another number."""
    rows = [
        {"category": "python", "name": f"package-{row}-of-{number}-{'x' * 30}", "version": "1", "bytes": row}
        for row in range(18_000)
    ]
    made = record(commit=str(number))
    made["images"] = [made["images"][0] | {"variant": f"v{index}", "ledger": rows} for index in range(4)]
    text = json.dumps(made).encode()
    assert 8 * 10**6 < len(text) < 10**7, len(text)
    return text


def _look_at_group(leader: int) -> dict[int, int]:
    """Return each process of a group with its bytes of memory, of a shared page only its part."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getpgid(int(folder.name)) == leader:
                (size,) = re.findall(r"^Pss: +(\d+)", (folder / "smaps_rollup").read_text(), re.MULTILINE)
                found[int(folder.name)] = int(size) * 1024
    return found
