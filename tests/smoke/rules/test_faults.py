"""Rules on faults: what they break in which order, what counts as lost, and what runs again at the end."""

from __future__ import annotations

import json
import re

import pytest

from tests.support.fakes import RUNNING, FakeEngine, answered, exited, refused, stack_on, started
from weighbridge.settings.probes import Request
from weighbridge.smoke.rules import faults

WRITE = Request.model_validate({"post": "/things", "body": {"name": "{unique}"}, "keep": {"id": "id"}})
OK, AWAY = answered((200, "ok")), answered((503, "no redis"))
KILLED = exited(137)


def test_job_of_a_killed_worker() -> None:
    """Another worker does the job, and is removed afterwards."""
    engine = FakeEngine(KILLED, RUNNING, log="job-1 began", outputs=["0 job-1", "0 42"])
    told = faults.killed_worker_loses_no_job(stack_on(engine), "worker", ["call"], ["result"])
    assert told.startswith("the other worker gave 42, 0.")
    assert engine.signals == ["SIGKILL"]
    assert engine.commands[-1][-2:] == ("result", "job-1")
    assert [spec.aliases for spec in engine.specs] == [("second-worker",)]
    assert engine.removed == [engine.specs[0].name]


def test_job_that_is_lost() -> None:
    """If the result never comes, the reason suggests late acknowledgement, and the other worker is removed."""
    engine = FakeEngine(KILLED, RUNNING, log="job-1 began", outputs=["0 job-1", "124 still running after 1 s"])
    reason = refused(lambda: faults.killed_worker_loses_no_job(stack_on(engine), "worker", ["call"], ["result"]))
    assert reason.startswith("no other worker did the job that the killed worker had begun: `result job-1` failed")
    assert "acknowledge jobs late (task_acks_late)" in reason
    assert engine.removed == [engine.specs[0].name]


_SHORT = "give smoke.faults.environment a short visibility timeout"
_AGAIN = "RabbitMQ delivers again what was not acknowledged once the connection is lost, or after consumer_timeout"


@pytest.mark.parametrize(
    ("images", "advice"),
    [
        (["redis:8"], f", and {_SHORT}"),
        (["postgres:17", "valkey/valkey:8"], f", and {_SHORT}"),
        (["rabbitmq:4"], f": {_AGAIN}"),
        (["rabbitmq:4", "redis:8"], f": {_AGAIN}; if Redis is the broker, {_SHORT}"),
        (["nats:2"], ""),
        ([], ""),
    ],
)
def test_advice_depends_on_the_broker(images: list[str], advice: str) -> None:
    """A visibility timeout is Redis', a consumer timeout RabbitMQ's; of another broker nothing is said."""
    engine = FakeEngine(KILLED, RUNNING, log="job-1 began", outputs=["0 job-1", "124 still running after 1 s"])
    stack = stack_on(engine, services={f"s{number}": {"image": image} for number, image in enumerate(images)})
    reason = refused(lambda: faults.killed_worker_loses_no_job(stack, "worker", ["call"], ["result"]))
    assert reason.endswith(f"acknowledge jobs late (task_acks_late){advice}")


def loaded(*accepted: object, begun: bool = True) -> str:
    """Return what the script prints that sends requests without a pause, after its exit code."""
    found = {"accepted": accepted, "refused": 3, "errors": 2, "longest_gap_seconds": 0.42}
    return "0 " + "begun\n" * begun + json.dumps(found)


@pytest.fixture
def _killed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_KILL_AFTER_SECONDS", 0.0)


@pytest.mark.usefixtures("_killed_at_once")
def test_killed_api() -> None:
    """When the API is ready again, the rule asks for everything that was accepted."""
    engine = FakeEngine(KILLED, RUNNING, outputs=[loaded(7, "b"), AWAY, OK, answered((200, {}), (200, {}))])
    told = faults.killed_api_loses_nothing(started(engine), WRITE, "/things/{id}")
    assert told == "2 accepted under load, none lost; during the restart, none was accepted for 0.4 s"
    assert engine.signals == ["SIGKILL"]
    asked = json.loads(engine.commands[-1][-1])["requests"]
    assert [(each["method"], each["path"]) for each in asked] == [("GET", "/things/7"), ("GET", "/things/b")]


@pytest.mark.usefixtures("_killed_at_once")
@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (
            [loaded(7, 8), OK, answered((200, {}), (404, {}))],
            "1 of 2 accepted requests are lost: GET /things/8 answered 404; answer only after storing what was sent",
        ),
        ([loaded(begun=False)], "nothing was accepted: 3 refused, 2 without answer"),
        ([loaded(7, None)], "POST /things was accepted, but the answer has no 'id'"),
    ],
)
def test_killed_api_that_loses_something(outputs: list[str], words: str) -> None:
    """A lost request is named; the rule fails if no accepted request can be read back."""
    stack = started(FakeEngine(KILLED, RUNNING, outputs=outputs))
    assert refused(lambda: faults.killed_api_loses_nothing(stack, WRITE, "/things/{id}")) == words


@pytest.mark.usefixtures("_killed_at_once")
def test_load_of_forms() -> None:
    """A write may be a PUT of a form: the script gets it encoded, with a word in it that it replaces each time."""
    write = {"put": "/things", "form": {"a b": "{unique}"}, "headers": {"X-Id": "{unique}"}, "keep": {"id": "id"}}
    engine = FakeEngine(KILLED, RUNNING, outputs=[loaded(7), OK, answered((200, {}))])
    faults.killed_api_loses_nothing(started(engine), Request.model_validate(write), "/things/{id}")
    told = json.loads(engine.commands[0][-1])
    word = told["placeholder"]
    assert re.fullmatch("[0-9a-f]{32}", word)
    assert (told["method"], told["body"], told["headers"]["X-Id"]) == ("PUT", f"a+b={word}", word)
    assert told["headers"]["Content-Type"] == "application/x-www-form-urlencoded"


def test_data_that_is_read_only() -> None:
    """The rule starts one more API, which cannot write, is live and says so, and removes it at the end."""
    engine = FakeEngine(outputs=[OK, OK, answered((503, "read-only"))])
    assert faults.says_when_data_is_read_only(stack_on(engine), WRITE) == '503: "read-only"'
    (spec,) = engine.specs
    assert (spec.aliases, spec.read_only_volumes) == (("api-read-only",), True)
    assert engine.removed == [spec.name]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((500, "oops"), 'POST /things answered 500, not 503, though it cannot write: "oops"; tell the caller'),
        ((201, {"id": 1}), "POST /things answered 201, not 503, though it cannot write"),
        ((503, "Traceback (most"), 'POST /things answered 503 without a reason: "Traceback (most"'),
    ],
)
def test_write_that_is_not_refused_clearly(answer: tuple[int, object], words: str) -> None:
    """Another status, or a traceback as the reason, fails the rule; the additional API is removed anyway."""
    engine = FakeEngine(outputs=[OK, OK, answered(answer)])
    reason = refused(lambda: faults.says_when_data_is_read_only(stack_on(engine), WRITE))
    assert reason.startswith(words)
    assert engine.removed == [engine.specs[0].name]


def test_data_that_is_full() -> None:
    """The API accepts a write, refuses one clearly while the disk is full, and accepts one again once there is room."""
    stored, filled = answered((201, {"id": 1})), '0 {"bytes": 4096}'
    engine = FakeEngine(outputs=[OK, stored, filled, OK, answered((503, "full")), filled, stored])
    told = faults.says_when_data_is_full(stack_on(engine), WRITE)
    assert told == '503: "full"; 2xx again once there is room'
    (spec,) = engine.specs
    assert (dict(spec.volumes), spec.tmpfs["/data"]) == ({}, "size=4m,mode=0770,uid=10001,gid=10001")
    assert [command[-2:] == ("--free", "/data") for command in engine.commands].index(True) == 5


def test_data_that_cannot_be_filled() -> None:
    """If the disk is too large to fill, the rule fails and says so."""
    engine = FakeEngine(outputs=[OK, answered((201, {"id": 1})), '0 {"error": "too large"}'])
    reason = refused(lambda: faults.says_when_data_is_full(stack_on(engine), WRITE))
    assert reason == "/data cannot be filled: too large"


@pytest.mark.usefixtures("_killed_at_once")
def test_requests_that_nobody_accepts() -> None:
    """If nothing was accepted, the reason has the last answer, and the setting that it points to."""
    found = {"accepted": [], "refused": 3, "errors": 0, "longest_gap_seconds": 3.0}
    last = {"status": 401, "location": ""}
    engine = FakeEngine(outputs=[f"0 {json.dumps({**found, 'last_refusal': last})}"])
    reason = refused(lambda: faults.killed_api_loses_nothing(started(engine), WRITE, "/things/{id}"))
    assert reason == (
        "nothing was accepted: 3 refused, 0 without answer; POST /things answered 401; "
        "give a token, such as Authorization, in roles.api.headers"
    )


@pytest.mark.usefixtures("_killed_at_once")
def test_reading_that_is_refused() -> None:
    """What may not be read is not lost: the reason points to the token."""
    engine = FakeEngine(KILLED, RUNNING, outputs=[loaded(7), OK, answered((403, {}))])
    reason = refused(lambda: faults.killed_api_loses_nothing(started(engine), WRITE, "/things/{id}"))
    assert reason == "GET /things/7 answered 403; give a token, such as Authorization, in roles.api.headers"
