"""The end of an API with a request in flight, by itself or while a worker ends."""

from __future__ import annotations

import json

from tests.support.fakes import FakeEngine, refused, stack_on
from weighbridge.settings.probes import Request
from weighbridge.smoke.rules.in_flight import RequestInFlight

POST = Request.model_validate({"post": "/things", "body": {"name": "a"}})
ANSWERED = f"0 begun\n{json.dumps({'closed': True, 'body': '', 'status': 201})}"
TOLD = "POST /things, half sent before SIGTERM, answered 201"


def test_end_that_was_begun() -> None:
    """It ends once, and the rule gets what was seen then."""
    engine = FakeEngine(outputs=[ANSWERED])
    stack, in_flight = stack_on(engine), RequestInFlight("api", POST)
    stack.observed.served.add("api")
    in_flight.begin(stack)
    assert in_flight.wait(stack) == TOLD
    assert engine.signals == ["SIGTERM"]


def test_end_that_was_not_begun() -> None:
    """Without a worker that ends, the rule itself ends the API; so it does if the API had not served by then."""
    engine = FakeEngine(outputs=[ANSWERED])
    stack, in_flight = stack_on(engine), RequestInFlight("api", POST)
    in_flight.begin(stack)
    assert engine.commands == []
    assert in_flight.wait(stack) == TOLD


def test_end_that_fails() -> None:
    """The rule fails with the reason that was found meanwhile."""
    stack, in_flight = stack_on(FakeEngine(outputs=['0 begun\n{"error": "reset"}'])), RequestInFlight("api", POST)
    stack.observed.served.add("api")
    in_flight.begin(stack)
    assert "got no answer: reset" in refused(lambda: in_flight.wait(stack))
