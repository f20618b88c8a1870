"""Watching an API while it starts, at the same time as other rules are tried."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from threading import Event

import pytest

from tests.support.fakes import FakeEngine, refused, stack_on
from weighbridge.model.container import CommandResult
from weighbridge.smoke.rules.arrival import Arrival
from weighbridge.smoke.stack.observations import Arrived, Moment, Reply

CAME = {"live_at": 1.5, "ready_at": None, "live": {"status": 200, "body": "ok"}, "ready": {"status": 503, "body": "no"}}
ARRIVED = Arrived(live_at=1.5, ready_at=None, live=Reply(status=200, body="ok"), ready=Reply(status=503, body="no"))


class SlowEngine(FakeEngine):
    """An engine that waits for the test before it answers."""

    def __init__(self) -> None:
        super().__init__(outputs=[f"0 {json.dumps(CAME)}"])
        self.asked, self.may_answer = Event(), Event()

    def execute(
        self, container: str, command: Sequence[str], seconds: float, on_line: Callable[[str], None] | None = None
    ) -> CommandResult:
        """Wait, then answer."""
        self.asked.set()
        assert self.may_answer.wait(10)
        return super().execute(container, command, seconds, on_line)


def test_look_goes_on_beside() -> None:
    """`begin` does not block; each later call gets the result of the same watch."""
    engine, arrival = SlowEngine(), Arrival("api")
    stack = stack_on(engine)
    arrival.begin(stack)
    assert engine.asked.wait(10)
    engine.may_answer.set()
    assert arrival.wait(stack) == arrival.wait(stack) == ARRIVED
    assert len(engine.commands) == 1


def test_look_that_was_not_begun() -> None:
    """Without `begin`, watching starts with the first call."""
    assert Arrival("api").wait(stack_on(FakeEngine(outputs=[f"0 {json.dumps(CAME)}"]))) == ARRIVED


def test_look_that_fails() -> None:
    """Each caller gets the error that ended the watch."""
    arrival, stack = Arrival("api"), stack_on(FakeEngine(outputs=["1 MemoryError"]))
    for _ in range(2):
        assert refused(lambda: arrival.wait(stack)) == "arrival.py failed with code 1 inside: MemoryError"


def test_signal_ends_the_wait() -> None:
    """A signal ends the wait before the API is ready."""
    engine, arrival = SlowEngine(), Arrival("api")
    stack = stack_on(engine)
    stack.interruption.note(15, None)
    with pytest.raises(SystemExit):
        arrival.wait(stack)
    engine.may_answer.set()


def test_api_that_takes_longer_to_start() -> None:
    """If the time was up before the API had started, it begins anew, but only once."""
    nothing = {"live_at": None, "ready_at": None, "live": {"error": "refused"}, "ready": None}
    engine, arrival = FakeEngine(outputs=[f"0 {json.dumps(nothing)}"] * 2), Arrival("api")
    stack = stack_on(engine)
    arrival.wait(stack)
    stack.observed.settled["api"] = Moment.now()
    for _ in range(2):
        assert arrival.wait(stack).live_at is None
    assert len(engine.commands) == 2
