"""A worker drops what is no message, counts it, and goes on."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from backend.broker import Broker
from backend.settings import Settings

WORKER = ("celery", "-A", "backend.worker", "worker", "--without-gossip", "--without-mingle")
pytestmark = pytest.mark.services


def _message(**changes: Any) -> dict[str, Any]:
    """Return a message as Celery sends it, with changes."""
    body = base64.b64encode(json.dumps([[0], {}, {}]).encode()).decode()
    properties = {
        "delivery_tag": "tag",
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": "celery"},
        "priority": 0,
        "body_encoding": "base64",
        "correlation_id": "id",
    }
    headers = {"task": "backend.rehearse", "id": "id", "lang": "py"}
    whole = {
        "body": body,
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": headers,
        "properties": properties,
    }
    return whole | changes


def _without(part: str, name: str) -> dict[str, Any]:
    whole = _message()
    del whole[part][name]
    return whole


NO_MESSAGES: dict[str, bytes] = {
    "no JSON": b"rubbish",
    "no UTF-8": b"\xff\xfe{}",
    "nothing": b"",
    "deep": b"[" * 100_000,
    "a bad special value": b'{"__type__": "datetime", "__value__": "never"}',
    **{
        name: json.dumps(value).encode()
        for name, value in {
            "a list": [],
            "a number": 5,
            "null": None,
            "an empty object": {},
            "properties of another type": _message(properties=[]),
            "no delivery tag": _without("properties", "delivery_tag"),
            "a delivery tag that is a number": _message(properties=_message()["properties"] | {"delivery_tag": 5}),
            "an unknown body encoding": _message(properties=_message()["properties"] | {"body_encoding": "rot13"}),
            "no base64": _message(body="!!!"),
            "headers of another type": _message(headers=["task"]),
            "a job's name that is a list": _message(headers={"task": [], "id": "x"}),
            "a job without id": _without("headers", "id"),
            "delivery info of another type": _message(properties=_message()["properties"] | {"delivery_info": "x"}),
            "no job's name": _without("headers", "task"),
            "no headers": _message(headers=None),
            "no body": _message(body=""),
            "a body that is no JSON": _message(body=base64.b64encode(b"rubbish").decode()),
            "a body that is a number": _message(body=base64.b64encode(b"5").decode()),
            "a body of another form": _message(body=base64.b64encode(b"{}").decode()),
            "arguments of another form": _message(body=base64.b64encode(b"[5, 5, 5]").decode()),
            "limits of another type": _message(headers=_message()["headers"] | {"timelimit": "x"}),
            "retries of another type": _message(headers=_message()["headers"] | {"retries": "x"}),
        }.items()
    },
}
"""What would end the worker, or leave it waiting: counted."""
WRONG_MESSAGES: dict[str, dict[str, Any]] = {
    "an unknown job": _message(headers={"task": "backend.unknown", "id": "x", "lang": "py"}),
    "pickle": _message(**{"content-type": "application/x-python-serialize", "content-encoding": "binary"}),
    "a comparison without an id": _message(
        headers={"task": "backend.compare", "id": "x", "lang": "py"},
        body=base64.b64encode(b"[[], {}, {}]").decode(),
    ),
    "a comparison of a list": _message(
        headers={"task": "backend.compare", "id": "x", "lang": "py"},
        body=base64.b64encode(b"[[[5]], {}, {}]").decode(),
    ),
    "a time that is none": _message(headers=_message()["headers"] | {"eta": "never"}),
    "limits that are none": _message(headers=_message()["headers"] | {"timelimit": ["x", None]}),
    "a time that has passed": _message(headers=_message()["headers"] | {"expires": "2020-01-01T00:00:00Z"}),
    "an end of another type": _message(headers=_message()["headers"] | {"expires": [1]}),
    "links of another type": _message(body=base64.b64encode(b'[[0], {}, {"callbacks": 5, "chain": "x"}]').decode()),
}
"""Celery reads these, and refuses the job."""


def test_a_worker_outlives_every_message(
    start: Any, free_port_of: Callable[[], int], running_redis: Any, tmp_path: Path
) -> None:
    """After each of them the same worker does a real job; those that are none are counted, and nothing is left over."""
    port, log = free_port_of(), tmp_path / "worker.log"
    url = f"redis://127.0.0.1:{port}/0"
    env = {
        "REDIS_URL": url,
        "DATABASE_URL": f"sqlite:///{tmp_path}/w.db",
        "HEARTBEAT_PATH": str(tmp_path / "beat"),
    }
    with running_redis(port, tmp_path), Redis.from_url(url) as redis:
        worker = start("worker", *WORKER, env=env)
        broker = Broker(Settings(redis_url=url, database_url=env["DATABASE_URL"]))
        bad = [*NO_MESSAGES.values(), *(json.dumps(each).encode() for each in WRONG_MESSAGES.values())]
        for number, message in enumerate(bad):
            redis.publish("/0.celery.pidbox", message)  # the channel of Celery's remote control
            redis.lpush("celery", message)
            good = _message(properties=_message()["properties"] | {"delivery_tag": f"good-{number}"})
            redis.lpush("celery", json.dumps(good | {"headers": good["headers"] | {"id": f"good-{number}"}}))
            deadline = time.monotonic() + 20
            while not any(
                (line.get("job"), line["message"]) == (f"good-{number}", "rehearsal finished")
                for line in map(json.loads, log.read_text().splitlines())
            ):
                name = [*NO_MESSAGES, *WRONG_MESSAGES][number]
                assert worker.poll() is None, f"{name} ended the worker"
                assert time.monotonic() < deadline, f"{name} left the worker deaf"
                time.sleep(0.05)
        counted = broker.count_undecodable()
        deadline = time.monotonic() + 5  # a job is acknowledged after it has told its end
        while (left := broker.measure()) != (0, 0) and time.monotonic() < deadline:
            time.sleep(0.05)
        held = redis.hgetall("unacked")
        broker.close()
        worker.terminate()
        status = worker.wait(20)

    assert counted >= len(NO_MESSAGES)  # some are dropped on the other channel, too
    assert (left, status) == ((0, 0), 0), held
    assert log.read_text().count("undecodable message dropped") == counted


STRANGERS: dict[str, Callable[[Any], object]] = {
    "a text in the queue's place": lambda redis: redis.set("celery", "x"),
    "a hash in the queue's place": lambda redis: redis.hset("celery", "a", "b"),
    "a text in the place of an urgent queue": lambda redis: redis.set("celery\x06\x163", "x"),
    "a text in the place of taken messages": lambda redis: redis.set("unacked", "x"),
    "a list in the place of their times": lambda redis: redis.lpush("unacked_index", "x"),
}
"""What leaves nothing where messages belong."""
TAKEN = (b"rubbish", b"[]", b"{}", b"5", b"\xff", b"[[], [], []]")
"""Messages that a lost worker has taken, and that are none."""


@pytest.fixture
def started(start: Any, free_port_of: Callable[[], int], running_redis: Any, tmp_path: Path) -> Iterator[_Started]:
    """Yield a worker that looks every second for what lost workers have taken, and its Redis."""
    port = free_port_of()
    url = f"redis://127.0.0.1:{port}/0"
    env = {
        "REDIS_URL": url,
        "DATABASE_URL": f"sqlite:///{tmp_path}/w.db",
        "HEARTBEAT_PATH": str(tmp_path / "beat"),
        "VISIBILITY_TIMEOUT_SECONDS": "10",
    }
    with running_redis(port, tmp_path), Redis.from_url(url) as redis:
        yield _Started(redis, start("worker", *WORKER, env=env), tmp_path / "worker.log")


@dataclass(frozen=True)
class _Started:
    redis: Any
    worker: Any
    log: Path

    def work(self, name: str) -> None:
        """Have the worker do a real job, which is sent until it is done."""
        good = _message(properties=_message()["properties"] | {"delivery_tag": name})
        message = json.dumps(good | {"headers": good["headers"] | {"id": name}})
        deadline = time.monotonic() + 25
        while f'"job": "{name}"' not in self.log.read_text():
            assert self.worker.poll() is None, f"{name} ended the worker"
            assert time.monotonic() < deadline, f"{name} left the worker deaf"
            with suppress(ResponseError):
                self.redis.lpush("celery", message)
            time.sleep(0.5)


def test_a_worker_outlives_keys_of_another_type(started: _Started) -> None:
    """Whatever stands under the names of the queue and of its lists is removed and counted, and the worker goes on."""
    started.work("at first")
    for name, put in STRANGERS.items():
        started.redis.delete("celery", "unacked", "unacked_index")
        put(started.redis)
        started.work(name)
    counted = int(started.redis.get("backend.undecodable"))
    kinds = [started.redis.type(key) for key in ("celery", "unacked", "unacked_index")]

    assert counted >= len(STRANGERS)
    assert set(kinds) <= {b"none", b"list", b"hash", b"zset"}


def test_taken_messages_that_are_none_keep_nobody_from_theirs(started: _Started) -> None:
    """Each is dropped and counted once, and what a lost worker has taken besides is given back."""
    started.work("at first")
    good = _message(headers=_message()["headers"] | {"id": "given back"})
    started.redis.hset("unacked", "good", json.dumps([good, "", "celery"]))
    for number, taken in enumerate(TAKEN):
        started.redis.hset("unacked", f"bad {number}", taken)
    times = {f"bad {number}": 2 + number for number in range(len(TAKEN))}
    started.redis.zadd("unacked_index", {"good": 1, **times})
    deadline = time.monotonic() + 20
    while '"job": "given back"' not in started.log.read_text() or started.redis.hlen("unacked"):
        assert time.monotonic() < deadline, started.redis.hgetall("unacked")
        time.sleep(0.1)

    assert int(started.redis.get("backend.undecodable")) >= len(TAKEN) - 1  # Kombu itself drops one, and logs it


@pytest.mark.parametrize("refusal", ["memory", "copy"])
def test_a_worker_outlives_a_redis_that_refuses(started: _Started, refusal: str) -> None:
    """One that has no memory left, or has become a copy of another one, may recover, and then the worker works."""
    started.work("at first")
    message = json.dumps(_message())
    if refusal == "memory":
        started.redis.lpush("celery", message)
        started.redis.config_set("maxmemory", "1")
    else:
        started.redis.replicaof("127.0.0.1", 1)
    time.sleep(4)
    if refusal == "memory":
        started.redis.config_set("maxmemory", "0")
    else:
        started.redis.replicaof("NO", "ONE")
    started.work("at last")

    assert started.log.read_text().count('"exception"') < 40
