"""Rules on a broker that loses its messages or gets a wrong one: in a real Redis, and in prepared answers."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from celery import Celery  # type: ignore[import-untyped]  # Celery ships no types

from tests.support.fakes import RUNNING, FakeEngine, answered, exited, refused, stack_on, started
from tests.support.real_redis import RealRedis, run_redis
from weighbridge.errors import EngineFault
from weighbridge.model.container import ContainerState
from weighbridge.settings.probes import Probe
from weighbridge.smoke.rules import broker_faults

WORKERS, EMPTY, TAKEN = '0 {"celery@one": ["jobs.weigh"]}', "0 [[], []]", '0 ["celery"]'
WAITS = Probe.model_validate(
    {
        "rule": "weighs",
        "role": "stack",
        "steps": [
            {"post": "/things", "body": {"name": "{unique}"}, "keep": {"id": "id"}},
            {"get": "/things/{id}", "until": {"status": "done"}},
        ],
    }
)
ASKS = Probe.model_validate({"rule": "asks", "role": "api", "steps": [{"get": "/x", "until": {"done": True}}]})
ACCEPTED, DONE = answered((202, {"id": 7})), answered((200, {"status": "done"}))
PENDING = answered((200, {"status": "pending"}))
KILLED = exited(137)


def _redis(port: int, *words: str) -> str:
    done = subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.services
def test_message_gets_into_each_queue(tmp_path: Path) -> None:
    """Each queue that Celery has declared gets the text, in any database and with a prefix; other lists get none."""
    with run_redis(tmp_path) as port:
        for options, name in (({}, "mail"), ({"global_keyprefix": "shop-"}, "texts")):
            app = Celery("x", broker=f"redis://127.0.0.1:{port}/3")
            app.conf.broker_transport_options = options
            app.send_task("x.job", queue=name)
            app.close()
        _redis(port, "-n", "3", "rpush", "recent", "a")
        _redis(port, "-n", "3", "sadd", "_kombu.binding.reply.celery.pidbox", "a\x06\x16\x06\x16a.reply.celery.pidbox")
        pushed = broker_faults._push_garbage(stack_on(RealRedis(port)), "redis")
        assert sorted(pushed) == ["mail", "texts"]
        assert [_redis(port, "-n", "3", "llen", key) for key in ("mail", "shop-texts", "recent")] == ["2", "2", "1"]
        assert _redis(port, "-n", "3", "lindex", "mail", "-1") == "not a message"


@pytest.mark.services
def test_flush(tmp_path: Path) -> None:
    """All databases are empty afterwards; a server that refuses is quoted, and the remedy is the address."""
    with run_redis(tmp_path) as port:
        _redis(port, "-n", "3", "set", "x", "y")
        broker_faults.flush(stack_on(RealRedis(port)), "redis")
        assert _redis(port, "-n", "3", "dbsize") == "0"
    with run_redis(tmp_path, "--requirepass", "x") as port:
        reason = refused(lambda: broker_faults.flush(stack_on(RealRedis(port)), "redis"))
    assert reason.startswith("redis could not be emptied: NOAUTH Authentication required.; if it has a password, let")


def test_message_that_is_dropped() -> None:
    """The rule holds if no worker ends within a moment after the message was taken, and a worker still answers."""
    waiting = '0 [[["celery", 1]], []]'
    engine = FakeEngine(outputs=[TAKEN, waiting, EMPTY, WORKERS])
    told = broker_faults.survives_undecodable_message(started(engine), ["redis"], [])
    assert told == "dropped what is no JSON in the queue celery, and did the next job"


@pytest.fixture(autouse=True)
def _short_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_faults, "_MOMENT_SECONDS", 0.0)


@pytest.mark.parametrize(("state", "code"), [(exited(1), 1), (replace(RUNNING, started_at=9.0), 0)])
def test_worker_that_ends_with_a_message(state: ContainerState, code: int) -> None:
    """A worker that ended, also one that runs again, fails the rule with its exception and the remedy."""
    log = "Traceback (most recent call last):\nValueError: no JSON"
    engine = FakeEngine(RUNNING, state, log=log, outputs=['0 ["celery", "mail"]'])
    reason = refused(lambda: broker_faults.survives_undecodable_message(started(engine), ["redis"], []))
    began = "a message that is no JSON, in the queues celery, mail, ended the worker: worker exited with code"
    assert reason.startswith(f"{began} {code}: ValueError: no JSON; ")
    assert "let a Kombu transport of your own drop such messages" in reason


@pytest.mark.parametrize("output", ["0 []", "0 NOAUTH Authentication required.", EngineFault("gone")])
def test_no_queue(output: str | EngineFault) -> None:
    """If nothing could be tried, the rule does not hold."""
    engine = FakeEngine(outputs=[output])
    reason = refused(lambda: broker_faults.survives_undecodable_message(started(engine), ["redis"], []))
    assert reason.startswith("no queue of Celery was found in redis, so nothing was tried; ")


def test_job_after_the_message_that_is_not_done() -> None:
    """A worker that runs on but does no job fails the rule, too."""
    engine = FakeEngine(outputs=[TAKEN, EMPTY, ACCEPTED, *[PENDING] * 900, *[EMPTY] * 3])
    reason = refused(lambda: broker_faults.survives_undecodable_message(started(engine, 0.01), ["redis"], [WAITS]))
    assert reason.startswith(
        "after a message that is no JSON, in the queue celery, weighs does not hold: GET /things/7"
    )


def test_probes_that_wait() -> None:
    """A probe can lose a job if it waits for what an earlier step has sent."""
    assert broker_faults.list_waiting([ASKS, WAITS]) == [WAITS]


def test_flush_while_the_roles_run() -> None:
    """The rule holds if new jobs are done and no role was started again."""
    engine = FakeEngine(outputs=["0 OK", ACCEPTED, DONE])
    assert broker_faults.survives_flush(started(engine), "redis", [WAITS]) == "new jobs are done without a restart"
    engine = FakeEngine(RUNNING, RUNNING, exited(1), outputs=["0 OK", ACCEPTED, DONE])
    reason = refused(lambda: broker_faults.survives_flush(started(engine), "redis", [WAITS]))
    assert reason.endswith("with code 1: it did not survive without redis")


def test_jobs_that_are_sent_again() -> None:
    """The first steps are taken while no worker runs, then the broker is emptied, and then the workers start again."""
    engine = FakeEngine(KILLED, outputs=[ACCEPTED, "0 OK", PENDING, DONE])
    stack = started(engine)
    told = broker_faults.flush_loses_no_job(stack, "redis", [WAITS])
    assert told.startswith("weighs: accepted before, done 0.")
    assert engine.signals == ["SIGKILL"]
    assert engine.started[3:] == [stack.build_name("worker")]
    paths = [json.loads(command[-1])["requests"][0]["path"] for command in engine.commands if "{" in command[-1][:1]]
    assert paths == ["/things", "/things/7", "/things/7"]


def test_jobs_that_are_lost() -> None:
    """If the job is never done, the reason names the probe and says what would help."""
    engine = FakeEngine(KILLED, outputs=[ACCEPTED, "0 OK", *[PENDING] * 900, *[EMPTY] * 3])
    reason = refused(lambda: broker_faults.flush_loses_no_job(started(engine, 0.01), "redis", [WAITS]))
    assert reason.startswith("what weighs was promised before redis was emptied was not done: GET /things/7 answered ")
    assert "keep each job as a row with its state" in reason


def test_workers_start_again_whatever_happens() -> None:
    """If the API accepts nothing without a worker, that is the reason, and the workers run again."""
    engine = FakeEngine(KILLED, outputs=[answered((500, "oops"))])
    stack = started(engine)
    assert refused(lambda: broker_faults.flush_loses_no_job(stack, "redis", [WAITS])).startswith(
        "POST /things answered"
    )
    assert engine.started[3:] == [stack.build_name("worker")]
