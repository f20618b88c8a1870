"""Queues that no worker takes jobs from, in a real Redis that Celery fills, and in prepared answers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from celery import Celery  # type: ignore[import-untyped]  # Celery ships no types

from tests.support.fakes import FakeEngine, stack_of, stack_on, with_roles
from tests.support.real_redis import RealRedis, run_redis
from weighbridge.errors import EngineFault
from weighbridge.smoke.stack import queues

BANNER = """
 -------------- celery@x v5.7.0
- ** ---------- [queues]
                .> celery           exchange=celery(direct) key=celery
                .> mail             exchange=mail(direct) key=mail
"""


def listed(*lists: tuple[str, int], bound: Sequence[str] = ()) -> str:
    """Return what Redis prints of its lists and Kombu's bindings."""
    return f"0 {json.dumps([lists, bound])}"


def told(*outputs: str, log: str = "") -> str:
    """Return the description of queues for these outputs of Redis."""
    return queues.describe_unconsumed(stack_on(FakeEngine(log=log, outputs=outputs)))


def test_queue_that_no_worker_takes_from() -> None:
    """A queue from which nothing is taken is named, with the option of the worker that changes that."""
    assert told(*[listed(("high", 2))] * 3) == (
        "no worker takes the jobs that wait in queue high (2); add --queues high to roles.worker.command, "
        "or send the jobs to a queue that a worker takes jobs from"
    )
    assert told(*[listed(("celery", 1), ("high", 2))] * 3, log=BANNER) == (
        "no worker takes the jobs that wait in queue high (2); it takes them from celery, mail; "
        "add --queues celery,mail,high to roles.worker.command, "
        "or send the jobs to a queue that a worker takes jobs from"
    )


@pytest.mark.parametrize(
    ("outputs", "log"),
    [
        ([listed()], ""),
        ([listed(("high", 2)), listed(("high", 1)), listed(("high", 1))], ""),
        ([listed(("high", 2)), listed(("high", 2)), listed(("high", 1))], ""),
        ([listed(("high", 1)), listed()], ""),
        ([listed(("celery", 5))] * 3, BANNER),
        (["1 no redis"], ""),
        (["0 NOAUTH"], ""),
    ],
)
def test_queue_that_is_worked_on(outputs: list[str], log: str) -> None:
    """A queue that becomes shorter, and one from which the worker says that it takes jobs, are not told."""
    assert told(*outputs, log=log) == ""


def test_no_redis() -> None:
    """If the engine cannot ask Redis, no queue is counted."""
    assert queues.count_waiting(stack_on(FakeEngine(outputs=[EngineFault("gone")]))) == {}


def test_priorities_and_other_lists() -> None:
    """All priorities of a queue count together; beside Kombu's queues, other lists are the application's own."""
    lists = [("high", 1), ("high\x06\x163", 2), ("recent", 9)]
    bound = ["high\x06\x16\x06\x16high", "pid\x06\x16\x06\x16celery@x.celery.pidbox"]
    for bindings, counts in (([], {"high": 3, "recent": 9}), (bound, {"high": 3})):
        stack = stack_on(FakeEngine(outputs=[listed(*lists, bound=bindings)]))
        assert queues.count_waiting(stack) == counts


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[int]:
    """Start a Redis and return its port."""
    with run_redis(tmp_path) as port:
        yield port


@pytest.mark.services
def test_queue_of_celery(redis: int) -> None:
    """A job that Celery sends to a queue without a worker is found, in any database; other lists are not."""
    stack = stack_on(RealRedis(redis))
    assert queues.count_waiting(stack) == {}
    app = Celery("x", broker=f"redis://127.0.0.1:{redis}/3")
    for priority in (0, 9, 9):
        app.send_task("x.job", queue="high", priority=priority)
    app.close()
    subprocess.run(["redis-cli", "-p", str(redis), "-n", "3", "rpush", "recent", "a"], check=True, capture_output=True)
    assert queues.count_waiting(stack) == {"high": 3}
    assert queues.describe_unconsumed(stack).startswith("no worker takes the jobs that wait in queue high (3); ")


@pytest.mark.services
def test_queue_without_celery(redis: int) -> None:
    """Lists count as queues if there is no Kombu."""
    subprocess.run(["redis-cli", "-p", str(redis), "rpush", "jobs", "a", "b"], check=True, capture_output=True)
    assert queues.count_waiting(stack_on(RealRedis(redis))) == {"jobs": 2}


def test_queues_of_rabbitmq() -> None:
    """Of RabbitMQ count the queues of the host that the settings name; those of Celery's own messages do not."""
    rows = [
        {"name": "mail", "messages_ready": 2},
        {"name": "celery", "messages_ready": 0},
        {"name": "celery@one.celery.pidbox", "messages_ready": 3},
        {"name": "celeryev.0a1b", "messages_ready": 4},
    ]
    service = {"image": "rabbitmq:4", "environment": {"RABBITMQ_DEFAULT_VHOST": "shop"}}
    engine = FakeEngine(outputs=[f"0 {json.dumps(rows)}", "1 no such host", "0 [{}]"])
    stack = stack_on(engine, services={"db": {"image": "postgres:17"}, "broker": service})
    assert queues.count_waiting(stack) == {"mail": 2}
    assert engine.commands[0][engine.commands[0].index("--vhost") + 1] == "shop"
    assert queues.count_waiting(stack) == {}
    assert queues.count_waiting(stack) == {}


def test_no_broker_that_is_known() -> None:
    """Where no service is a broker that we know, nobody is asked."""
    assert queues.describe_unconsumed(stack_on(FakeEngine(), services={"db": {"image": "postgres:17"}})) == ""


def test_queue_that_none_of_several_workers_takes_from() -> None:
    """The advice names the queue that is missing, and leaves it open who takes it."""
    roles = with_roles({"mail": {"kind": "worker"}, "files": {"kind": "worker"}})
    stack = stack_of(FakeEngine(log=BANNER, outputs=[listed(("high", 2))] * 3), roles)
    assert queues.describe_unconsumed(stack) == (
        "no worker takes the jobs that wait in queue high (2); they take them from celery, mail; let one of them "
        "(mail, files) take jobs from high, too, or send the jobs to a queue that a worker takes jobs from"
    )
