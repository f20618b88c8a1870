"""What the API answers to another container: when it is live, why nobody reaches it, and what its paths answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.fakes import RUNNING, SERVES, FakeEngine, probed, refused, stack_on
from weighbridge.smoke.rules import api
from weighbridge.smoke.stack.containers import Stack
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
    """The reason follows from where the API listens; otherwise it is the last answer."""
    stack = stack_on(probed(listening=listening))
    never = Arrived(live_at=None, ready_at=None, live=Reply(error="refused"), ready=Reply())
    assert words in refused(lambda: api.live(stack, never))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"url": "/a/1", "status": 500}, "GET /a/1 answered 500; the API's log says why"),
        ({"url": "/a", "error": "got no answer in 5 s"}, "GET /a got no answer in 5 s; let it answer in time"),
    ],
)
def test_get_that_fails(answer: dict[str, object], reason: str) -> None:
    """After a server error the advice is to read the log; if no answer came, the log would not say why."""
    told = json.dumps({"openapi": "3.1.0", "paths": 2, "gets": [{"url": "/", "status": 404}, answer]})
    stack = stack_on(FakeEngine(outputs=[f"0 {told}"]))
    assert refused(lambda: api.answers_every_get(stack, "/openapi.json")) == reason


CAME = Arrived(live_at=101.25, ready_at=102.5, live=Reply(status=200), ready=Reply(status=200))


def test_api_that_came() -> None:
    """Both times count from the start of the API's container, and are stored unrounded."""
    stack = stack_on(FakeEngine(replace(RUNNING, started_at=100.0)))
    assert api.live(stack, CAME) == "GET /livez answered 200 1.25 s after its start"
    assert api.ready(stack, CAME) == "GET /readyz answered 200 2.50 s after its start"
    assert (stack.observed.api_live_seconds, stack.observed.api_ready_seconds) == (1.25, 2.5)


def test_clocks_that_differ() -> None:
    """An answer that by the engine's clock came before the start counts as 0 s."""
    stack = stack_on(FakeEngine(replace(RUNNING, started_at=200.0)))
    assert api.live(stack, CAME) == "GET /livez answered 200 0.00 s after its start"
    assert stack.observed.api_live_seconds == 0.0


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(status=503, body="no\n redis"), "GET /readyz answered 503: no redis"),
        (Reply(status=204), "GET /readyz answered 204"),
        (Reply(error="timed out"), "GET /readyz got no answer: timed out"),
        (Reply(), "GET /readyz got no answer: nothing came"),
    ],
)
def test_api_that_is_not_ready(reply: Reply, words: str) -> None:
    """The reason has the last answer on one line, or says that there was none; no time is stored."""
    stack = stack_on(FakeEngine())
    assert refused(lambda: api.ready(stack, replace(CAME, ready_at=None, ready=reply))) == words
    assert stack.observed.api_ready_seconds is None


def test_arrival_that_never_was() -> None:
    """For an API that never was live, the script prints no answer about its readiness."""
    told = {"live_at": None, "ready_at": None, "live": {"error": "refused", "body": ""}, "ready": None}
    found = api.watch_arrival(stack_on(FakeEngine(outputs=[f"0 {json.dumps(told)}"])))
    assert found == Arrived(live_at=None, ready_at=None, live=Reply(error="refused"), ready=Reply())


def test_description_is_asked_for_once() -> None:
    """The document and the GETs are asked for only once for both rules."""
    told = {"openapi": "3.1.0", "paths": 2, "gets": [{"url": "/", "status": 404}]}
    stack = stack_on(FakeEngine(outputs=[f"0 {json.dumps(told)}"]))
    assert api.serves_openapi(stack, "/openapi.json") == "OpenAPI 3.1.0, 2 paths"
    assert api.answers_every_get(stack, "/openapi.json") == "1 GETs below 500"


@pytest.mark.parametrize("rule", [api.serves_openapi, api.answers_every_get])
def test_no_description(rule: Callable[[Stack, str], str]) -> None:
    """Neither rule holds without a document, even if the other one is waived."""
    stack = stack_on(FakeEngine(outputs=['0 {"error": "GET /o answered 404"}']))
    assert refused(lambda: rule(stack, "/o")).startswith("GET /o answered 404; serve it, correct roles.api.openapi")


def test_description_of_nothing() -> None:
    """A document without paths describes nothing."""
    stack = stack_on(FakeEngine(outputs=['0 {"openapi": "3.1.0", "paths": 0, "gets": []}']))
    assert refused(lambda: api.serves_openapi(stack, "/o")) == "GET /o describes no path"
