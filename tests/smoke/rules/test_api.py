"""What the API answers to a container beside it: when it came, why nobody reaches it, and what its paths say."""

from __future__ import annotations

import json

import pytest

from tests.support.fakes import SERVES, FakeEngine, probed, refused, stack_on
from weighbridge.smoke.rules import api
from weighbridge.smoke.stack.observations import Arrived, Reply


@pytest.mark.parametrize(
    ("listening", "words"),
    [
        ([{**SERVES, "address": "127.0.0.1"}], "it binds to 127.0.0.1; use --host 0.0.0.0"),
        ([{**SERVES, "address": "::1"}, {**SERVES, "port": 9}], "it binds to 127.0.0.1; use"),
        ([{**SERVES, "address": "::"}], "by IPv4: it binds to :: alone; use --host 0.0.0.0"),
        ([{**SERVES, "port": 80}, {**SERVES, "port": 9}], "nothing listens on 8000, but on 9, 80; correct roles.api"),
        ([{**SERVES, "address": "::"}, SERVES], "GET /livez got no answer: refused; correct roles.api"),
        ([{**SERVES, "protocol": "udp", "port": 9}], "GET /livez got no answer: refused; correct roles.api"),
        ([], "GET /livez got no answer: refused; correct roles.api"),
    ],
)
def test_api_that_nobody_reaches(listening: list[dict[str, object]], words: str) -> None:
    """Where it listens tells why; where that does not, what came of asking."""
    stack = stack_on(probed(listening=listening))
    arrived = Arrived(live_at=None, ready_at=None, live=Reply(error="refused"), ready=Reply())
    assert words in refused(lambda: api.live(stack, arrived))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"url": "/a/1", "status": 500}, "GET /a/1 answered 500; the API's log says why"),
        ({"url": "/a", "error": "got no answer in 5 s"}, "GET /a got no answer in 5 s; let it answer in time"),
    ],
)
def test_get_that_fails(answer: dict[str, object], reason: str) -> None:
    """A server's error is in its log; of an answer that does not come, nobody has written anything."""
    told = json.dumps({"openapi": "3.1.0", "paths": 2, "gets": [{"url": "/", "status": 404}, answer]})
    stack = stack_on(FakeEngine(outputs=[f"0 {told}"]))
    assert refused(lambda: api.answers_every_get(stack, "/openapi.json")) == reason
