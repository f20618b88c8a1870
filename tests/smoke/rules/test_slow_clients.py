"""Rules on clients that stop half-way: what these clients send, and when an API passes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.support.fakes import RUNNING, FakeEngine, answered, exited, refused, started
from weighbridge.model.container import ContainerState
from weighbridge.settings.probes import Probe, Request
from weighbridge.smoke.rules import slow_clients

WRITE = Request.model_validate({"post": "/things", "body": {"name": "{unique}"}, "keep": {"id": "id"}})
LIST = Probe.model_validate({"rule": "lists", "role": "api", "steps": [{"get": "/things"}]})
LIVE, OPENAPI = answered((200, "ok")), answered((200, {"paths": "x" * 100}))


def held(*answers: dict[str, Any], closed: int = 200) -> str:
    """Return what the script prints, after its exit code."""
    found = [{"path": "/livez", "seconds": 1.25, **answer} for answer in answers]
    return f"0 {json.dumps({'opened': 200, 'refused': 0, 'closed': closed, 'answers': found})}"


GOOD = held({"status": 200}, {"status": 200, "seconds": 7.5, "path": "/things/7"})


def ask(engine: FakeEngine) -> str:
    """Try clients that do not read."""
    return slow_clients.survives_clients_that_do_not_read(started(engine), [LIST], WRITE, "/things/{id}")


def test_largest_answer_is_asked_for() -> None:
    """The clients ask for the largest of the known answers, so often that the kernel cannot hold them."""
    stored, large = answered((201, {"id": 7})), answered((200, {"x": "y" * 200_000}))
    engine = FakeEngine(outputs=[LIVE, OPENAPI, LIVE, stored, large, GOOD])
    assert ask(engine) == "200 of 200 connections were closed or refused, and others were answered after 7.5 s"
    wanted = json.loads(engine.commands[-1][-1])
    one = "GET /things/7 HTTP/1.1\r\nHost: api:8000\r\n\r\n"
    assert wanted["text"].startswith(one)
    times = wanted["text"].count(one)
    assert wanted["text"] == one * times
    assert times * (200_008 + 200) > 2**23
    assert (wanted["paths"], wanted["clients"], wanted["drips"]) == (["/livez", "/things/7"], 64, False)


def test_small_answers_are_not_asked_for_without_end() -> None:
    """Where all answers are small, the number of requests is limited: they would be work by themselves."""
    engine = FakeEngine(outputs=[LIVE, OPENAPI, LIVE, answered((201, {"id": 7})), LIVE, GOOD])
    ask(engine)
    assert json.loads(engine.commands[-1][-1])["text"].count("GET /openapi.json HTTP/1.1") == 100


@pytest.mark.parametrize(
    ("state", "output", "words"),
    [
        (replace(RUNNING, out_of_memory=True), GOOD, ", api reached its limit of 512 MiB of memory; "),
        (exited(3), GOOD, ", api ended with code 3; limit how long a client may take to read"),
        (replace(RUNNING, started_at=9.0), GOOD, ", api ended with code 0; "),
        (RUNNING, held({"status": 503, "seconds": 60.2}), ", GET /livez of another client answered 503, for 60 s; "),
        (RUNNING, held({"error": "timed out"}), ", GET /livez of another client got no answer: timed out, for 1 s; "),
    ],
)
def test_api_that_does_not_bear_it(state: ContainerState, output: str, words: str) -> None:
    """An API that ends, reaches its limit of memory, or answers nobody fails the rule, with the remedy."""
    engine = FakeEngine(RUNNING, state, outputs=[LIVE, OPENAPI, LIVE, answered((201, {"id": 7})), LIVE, output])
    reason = refused(lambda: ask(engine))
    assert reason.startswith("while 64 clients ask for ")
    assert words in reason
    assert "a reverse proxy in front does that" in reason


def test_heads_that_never_end() -> None:
    """One more API with fewer descriptors gets heads without an end, byte by byte, and is removed."""
    engine = FakeEngine(outputs=[LIVE, held({"status": 200}, closed=44)])
    told = slow_clients.survives_heads_that_never_end(started(engine))
    assert told == "44 of 200 connections were closed or refused, and others were answered after 1.2 s"
    wanted = json.loads(engine.commands[-1][-1])
    assert wanted["text"] == "GET /livez HTTP/1.1\r\nHost: api-few-files:8000\r\nX-Slow: "
    assert (wanted["host"], wanted["clients"], wanted["drips"]) == ("api-few-files", 300, True)
    assert engine.specs[-1].open_files == 256
    assert engine.removed == [engine.specs[-1].name]


def test_heads_that_take_all_descriptors() -> None:
    """An API that answers nobody meanwhile fails the rule, and what helps is said."""
    engine = FakeEngine(outputs=[LIVE, held({"error": "timed out", "seconds": 60.0}, closed=0)])
    assert refused(lambda: slow_clients.survives_heads_that_never_end(started(engine))) == (
        "while 300 request heads never end, and it has 256 descriptors, GET /livez of another client got no answer: "
        "timed out, for 60 s; limit how long the head of a request may take: a reverse proxy in front does that; "
        "if there is one, accept this rule with that reason"
    )
