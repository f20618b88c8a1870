"""Whatever becomes of Redis and the workers, what was accepted is done once: real ones, stopped, emptied and killed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import text

from backend import jobs, service, sweeper
from backend.broker import Broker
from backend.settings import Settings
from backend.store import Store

WORKER = ("celery", "-A", "backend.worker", "worker", "--without-gossip", "--without-mingle")
pytestmark = pytest.mark.services


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/reports.db"
    make: Callable[[], str] = request.getfixturevalue("new_postgres_database")
    return make()


@pytest.fixture
def redis_server(free_port_of: Callable[[], int], running_redis: Any, tmp_path: Path) -> Iterator[str]:
    """Start a Redis of the test's own, and yield its URL."""
    port = free_port_of()
    with running_redis(port, tmp_path):
        yield f"redis://127.0.0.1:{port}/0"


def _settings(url: str, redis_url: str) -> Settings:
    return Settings(database_url=url, redis_url=redis_url, visibility_timeout_seconds=10)


def _env(url: str, redis_url: str, tmp_path: Path, name: str = "worker") -> dict[str, str]:
    beat = str(tmp_path / f"{name}.beat")
    sweeps = {"VISIBILITY_TIMEOUT_SECONDS": "10"}  # … every second
    return {"DATABASE_URL": url, "REDIS_URL": redis_url, "HEARTBEAT_PATH": beat, **sweeps}


def _wait_for(look: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def _request(store: Store, send: Callable[[str], None], record: Any, count: int) -> list[str]:
    """Ask for that many comparisons."""
    ids = [service.add_report(store, json.dumps(record(commit=str(each))).encode())[0] for each in range(count + 1)]
    return [service.request_comparison(store, send, ids[0], after).id for after in ids[1:]]


def _states(store: Store, job: str = "%") -> list[tuple[str, int]]:
    """Return the state and the attempts of every job, or of one, without repetitions."""
    query = text("SELECT DISTINCT status, attempts FROM comparisons WHERE id LIKE :job ORDER BY 1, 2")
    with store.transaction() as connection:
        rows = connection.execute(query, {"job": job})
        return [(row[0], row[1]) for row in rows]


def test_an_emptied_redis_loses_no_job(url: str, redis_server: str, start: Any, record: Any, tmp_path: Path) -> None:
    """All that was queued when Redis was flushed is done, each once, though nobody asks again."""
    store, broker = Store(url), Broker(_settings(url, redis_server))
    _request(store, broker.send_comparison, record, 5)
    with Redis.from_url(redis_server) as redis:
        queued = redis.llen("celery")
        redis.flushall()
    start("worker", *WORKER, env=_env(url, redis_server, tmp_path))
    _wait_for(lambda: _states(store) == [("done", 1)])
    store.close()
    broker.close()

    assert queued == 5


def test_a_doubled_message_does_a_job_once(
    url: str, redis_server: str, start: Any, record: Any, tmp_path: Path
) -> None:
    """Every message four times, in any order: one attempt for each row."""
    store, broker = Store(url), Broker(_settings(url, redis_server))
    _request(store, broker.send_comparison, record, 5)
    with Redis.from_url(redis_server) as redis:
        for message in redis.lrange("celery", 0, -1) * 3:
            redis.lpush("celery", message)
        start("worker", *WORKER, env=_env(url, redis_server, tmp_path))
        _wait_for(lambda: redis.llen("celery") == redis.hlen("unacked") == 0)
    _wait_for(lambda: _states(store) == [("done", 1)])
    store.close()
    broker.close()

    assert (tmp_path / "worker.log").read_text().count("comparison done") == 5


def test_the_job_of_a_killed_worker_is_done_by_another(
    url: str, redis_server: str, start: Any, record: Any, tmp_path: Path
) -> None:
    """It dies with the job claimed, and Redis loses the message as well: the lease runs out, and it is done."""
    store, broker = Store(url), Broker(_settings(url, redis_server))
    [job] = _request(store, lambda _: None, record, 1)
    if store.is_sqlite:
        assert jobs.claim(store, job, 5)  # in place of a worker, which no lock can hold between two transactions
        with Redis.from_url(redis_server) as redis:
            redis.flushall()
    else:

        def begin(env: dict[str, str]) -> Any:
            env = _env(url, redis_server, tmp_path, "first") | env
            return start("first", *WORKER, env=env, own_group=True)

        _kill_one_at_work(store, broker, job, begin, tmp_path)
    start("second", *WORKER, env=_env(url, redis_server, tmp_path, "second"))
    _wait_for(lambda: _states(store, job) == [("done", 2)])
    store.close()
    broker.close()


def _kill_one_at_work(
    store: Store, broker: Broker, job: str, begin: Callable[[dict[str, str]], Any], folder: Path
) -> None:
    """Start a worker, let it claim the job, hold it there by a lock on the reports, and kill it and Redis' memory."""
    worker = begin({"WORKER_CONCURRENCY": "1"})
    broker.send_comparison("f" * 64)  # there is none; afterwards the worker knows its database
    log = folder / "first.log"
    _wait_for(lambda: "comparison skipped" in log.read_text())
    with store._engine.connect() as blocker:
        blocker.execute(text("LOCK TABLE reports IN ACCESS EXCLUSIVE MODE"))
        broker.send_comparison(job)
        _wait_for(lambda: _states(store, job) == [("pending", 1)])
        os.killpg(worker.pid, signal.SIGKILL)
        broker._redis.flushall()


def test_a_restarted_broker_without_its_data_loses_no_job(  # noqa: PLR0917 - fixtures
    url: str, free_port_of: Callable[[], int], running_redis: Any, start: Any, record: Any, tmp_path: Path
) -> None:
    """It goes away under a running worker, and comes back empty."""
    port = free_port_of()
    redis_url = f"redis://127.0.0.1:{port}/0"
    store, broker = Store(url), Broker(_settings(url, redis_url))
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    with running_redis(port, tmp_path / "one"):
        _request(store, broker.send_comparison, record, 5)
    worker = start("worker", *WORKER, env=_env(url, redis_url, tmp_path))
    with running_redis(port, tmp_path / "two"):
        _wait_for(lambda: _states(store) == [("done", 1)], 60)
        alive = worker.poll() is None
        worker.terminate()
        worker.wait(20)
    store.close()
    broker.close()

    assert alive


def test_a_long_queue_is_not_made_longer(url: str, redis_server: str, record: Any) -> None:
    """Where workers have much to do, a job that waits long is not taken for lost."""
    store, broker = Store(url), Broker(_settings(url, redis_server))
    _request(store, lambda _: None, record, 3)
    with store.transaction(write=True) as connection:
        connection.execute(text("UPDATE comparisons SET sent_at = sent_at - 1000"))
    with Redis.from_url(redis_server) as redis:
        redis.rpush("celery", *["{}"] * sweeper.LONG_QUEUE)
        long = sweeper.sweep(store, broker)
        redis.ltrim("celery", 0, 5)
        short = sweeper.sweep(store, broker)
        again = sweeper.sweep(store, broker)
        waiting = redis.llen("celery")
    store.close()
    broker.close()

    assert (long, short, again, waiting) == (0, 3, 0, 9)


def test_a_sweep_outlives_its_services(
    free_port_of: Callable[[], int],
    running_redis: Any,
    record: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither a Redis nor a database that is away ends the sweeper; it goes on when they are back."""
    port = free_port_of()
    url, redis_url = f"sqlite:///{tmp_path}/later/reports.db", f"redis://127.0.0.1:{port}/0"
    sweeps = sweeper.Sweeps(_settings(url, redis_url))
    sweeps.run()
    with running_redis(port, tmp_path), Redis.from_url(redis_url) as redis:
        sweeps.run()
        (tmp_path / "later").mkdir()
        store = Store(url)
        _request(store, lambda _: None, record, 1)
        with store.transaction(write=True) as connection:
            connection.execute(text("UPDATE comparisons SET sent_at = 0"))
        sweeps.run()
        waiting = redis.llen("celery")
    sweeps.close()
    store.close()

    assert waiting == 1
    assert len([line for line in caplog.messages if "the sweeper waits" in line]) == 2


def test_a_worker_keeps_the_limits_of_retention(
    url: str, redis_server: str, start: Any, record: Any, tmp_path: Path
) -> None:
    """A report that is too old is gone soon after the start; a newer one is kept."""
    store = Store(url)
    old, _ = service.add_report(store, json.dumps(record(recorded_at="2020-01-01T00:00:00Z")).encode())
    new, _ = service.add_report(store, json.dumps(record()).encode())
    start("worker", *WORKER, env=_env(url, redis_server, tmp_path) | {"RETENTION_DAYS": "1000"})
    _wait_for(lambda: not store.has_report(old))
    kept = store.has_report(new)
    store.close()

    assert kept
