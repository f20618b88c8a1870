"""Rules on services that go away: what is killed, what is kept meanwhile, and what has to work afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.fakes import RUNNING, FakeEngine, answered, exited, refused, started
from weighbridge.model.container import ContainerState
from weighbridge.smoke.rules import outages, worker

OK, AWAY, WORKERS = answered((200, "ok")), answered((503, "no redis")), '0 {"celery@one": ["jobs.weigh"]}'
KILLED = exited(137)
ASKED = {"registered": ["ask"]}
DATABASE = {"db": {"image": "postgres:17", "environment": {"POSTGRES_PASSWORD": "x"}}}


def test_restart_of_redis() -> None:
    """The rule holds if the API is ready again by itself."""
    engine = FakeEngine(RUNNING, RUNNING, KILLED, RUNNING, outputs=[AWAY, OK, WORKERS])
    assert outages.survives_restart(started(engine), "redis", ()).startswith("all works ")
    assert engine.signals == ["SIGKILL"]
    assert not engine.outputs


def test_worker_without_a_probe() -> None:
    """Without a probe that reaches the worker, the rule asks the worker itself, so that not only the API is tried."""
    engine = FakeEngine(RUNNING, RUNNING, KILLED, RUNNING, outputs=[OK, *["0 {}"] * 30])
    reason = refused(lambda: outages.survives_restart(started(engine, 0.01), "redis", ()))
    assert reason.startswith("no worker answers through the broker after ")


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (exited(1), "worker is exited, with code 1"),
        (replace(RUNNING, started_at=9.0), "worker is running, with code 0"),
    ],
)
def test_role_that_ends_with_redis(ended: ContainerState, words: str) -> None:
    """A role that ended while Redis was down is named, even if it runs again."""
    engine = FakeEngine(RUNNING, RUNNING, KILLED, RUNNING, ended, outputs=[OK, WORKERS])
    reason = refused(lambda: outages.survives_restart(started(engine), "redis", ()))
    assert reason == f"{words}: it did not survive without redis"


def test_role_that_ends_is_the_cause() -> None:
    """If a role ended with Redis, that is the reason, and not that the API does not become ready again."""
    engine = FakeEngine(RUNNING, RUNNING, KILLED, RUNNING, exited(3), outputs=[AWAY] * 30)
    reason = refused(lambda: outages.survives_restart(started(engine, 0.01), "redis", ()))
    assert reason == "worker is exited, with code 3: it did not survive without redis"


@pytest.mark.parametrize(("said", "holds"), [(AWAY, True), (OK, False)])
def test_outage_of_redis(monkeypatch: pytest.MonkeyPatch, said: str, *, holds: bool) -> None:
    """While Redis is down, the API must be live and say that it is not ready."""
    monkeypatch.setattr(outages, "OUTAGE_SECONDS", 0.1)
    stack = started(FakeEngine(outputs=[OK, said] * 1000))
    monkeypatch.setattr(worker, "list_registered_jobs", lambda *_: {"celery@one": []})
    if holds:
        told = outages.survives_outage(stack, "redis", ())
        assert told.startswith("/readyz said 503 and /livez 200 meanwhile; all works ")
    else:
        reason = refused(lambda: outages.survives_outage(stack, "redis", ()))
        assert reason.startswith("GET /readyz answered 200 while redis was down, not 503:")


def test_last_answer_of_an_api_that_does_not_come_back() -> None:
    """If the API does not become ready again, the reason has its last answer."""
    engine = FakeEngine(RUNNING, RUNNING, KILLED, RUNNING, outputs=[AWAY] * 30)
    reason = refused(lambda: outages.survives_restart(started(engine, 0.01), "redis", ()))
    assert reason.endswith('GET /readyz answered 503, not 200: "no redis"')


def test_restart_that_keeps_the_data() -> None:
    """Meanwhile a container of the image has the folders of the service, which are in memory, and then lets them go."""
    engine = FakeEngine(RUNNING, RUNNING, KILLED, RUNNING, outputs=[OK, WORKERS])
    stack = started(engine, worker=ASKED, services=DATABASE)
    assert outages.survives_restart_with_its_data(stack, "db", ()).startswith("all works ")
    database, keeper = engine.specs[0], engine.specs[-1]
    (volume,) = engine.volumes
    assert dict(database.volumes) == {volume: "/var/lib/postgresql"}
    assert (dict(keeper.volumes), keeper.image, keeper.user) == (
        {volume: "/kept/0"},
        stack.blueprint.find_image("api").image_id,
        "",
    )
    assert engine.started[-2:] == [keeper.name, database.name]
    assert engine.removed == [keeper.name]


def test_restart_that_keeps_nothing() -> None:
    """Nobody has the folders while the service is down, so that it starts with empty ones."""
    engine = FakeEngine(RUNNING, RUNNING, KILLED, RUNNING, outputs=[OK, WORKERS])
    stack = started(engine, worker=ASKED, services=DATABASE)
    outages.survives_restart(stack, "db", ())
    assert engine.started[3:] == [stack.build_name("db")]
    assert engine.removed == []


def test_service_that_does_not_come_back() -> None:
    """If the service itself has ended, that is said first."""
    engine = FakeEngine(RUNNING, RUNNING, KILLED, RUNNING, RUNNING, exited(3), outputs=[AWAY] * 30)
    stack = started(engine, 0.01, services=DATABASE)
    reason = refused(lambda: outages.survives_restart(stack, "db", ()))
    assert reason.startswith("db itself is exited, with code 3: GET /readyz does not answer 200 again")
