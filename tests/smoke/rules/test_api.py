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
    assert words in refused(lambda: api.live(stack, never, "api"))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"url": "/a/1", "status": 500}, "GET /a/1 answered 500; the API's log says why"),
        (
            {"url": "/a", "error": "was not sent: the time was up"},
            (
                "GET /a was not sent: the time was up; "
                "let it answer each GET, and all within the time: sooner, or raise smoke.timeout_seconds"
            ),
        ),
        (
            {"url": "/a", "error": "answered 200 and broke off: x"},
            (
                "GET /a answered 200 and broke off: x; "
                "let it answer each GET, and all within the time: sooner, or raise smoke.timeout_seconds"
            ),
        ),
    ],
)
def test_get_that_fails(answer: dict[str, object], reason: str) -> None:
    """After a server error the advice is to read the log; if no answer came, the log would not say why."""
    told = json.dumps({"openapi": "3.1.0", "paths": 2, "gets": [{"url": "/", "status": 200}, answer]})
    stack = stack_on(FakeEngine(outputs=[f"0 {told}"]))
    assert refused(lambda: api.answers_every_get(stack, "api", "/openapi.json")) == reason


CAME = Arrived(live_at=101.25, ready_at=102.5, live=Reply(status=200), ready=Reply(status=200))


def test_api_that_came() -> None:
    """Both times count from the start of the API's container, and are stored unrounded."""
    stack = stack_on(FakeEngine(replace(RUNNING, started_at=100.0)))
    assert api.live(stack, CAME, "api") == "GET /livez answered 200 1.25 s after its start"
    assert api.ready(stack, CAME, "api") == "GET /readyz answered 200 2.50 s after its start"
    assert (stack.observed.live_seconds, stack.observed.ready_seconds) == ({"api": 1.25}, {"api": 2.5})


def test_clocks_that_differ() -> None:
    """An answer that by the engine's clock came before the start counts as 0 s."""
    stack = stack_on(FakeEngine(replace(RUNNING, started_at=200.0)))
    assert api.live(stack, CAME, "api") == "GET /livez answered 200 0.00 s after its start"
    assert stack.observed.live_seconds == {"api": 0.0}


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
    assert refused(lambda: api.ready(stack, replace(CAME, ready_at=None, ready=reply), "api")) == words
    assert stack.observed.ready_seconds == {}


def test_arrival_that_never_was() -> None:
    """For an API that never was live, the script prints no answer about its readiness."""
    told = {"live_at": None, "ready_at": None, "live": {"error": "refused", "body": ""}, "ready": None}
    found = api.watch_arrival(stack_on(FakeEngine(outputs=[f"0 {json.dumps(told)}"])), "api")
    assert found == Arrived(live_at=None, ready_at=None, live=Reply(error="refused"), ready=Reply())


def test_description_is_asked_for_once() -> None:
    """The document and the GETs are asked for only once for both rules."""
    told = {"openapi": "3.1.0", "paths": 2, "gets": [{"url": "/", "status": 200}]}
    stack = stack_on(FakeEngine(outputs=[f"0 {json.dumps(told)}"]))
    assert api.serves_openapi(stack, "api", "/openapi.json") == "OpenAPI 3.1.0, 2 paths"
    assert api.answers_every_get(stack, "api", "/openapi.json") == "1 GETs below 500"


@pytest.mark.parametrize("rule", [api.serves_openapi, api.answers_every_get])
def test_no_description(rule: Callable[[Stack, str, str], str]) -> None:
    """Neither rule holds without a document, even if the other one is waived."""
    stack = stack_on(FakeEngine(outputs=['0 {"error": "GET /o answered 404"}']))
    assert refused(lambda: rule(stack, "api", "/o")).startswith(
        "GET /o answered 404; serve it, correct roles.api.openapi"
    )


def test_description_of_nothing() -> None:
    """A document without paths describes nothing."""
    stack = stack_on(FakeEngine(outputs=['0 {"openapi": "3.1.0", "paths": 0, "gets": []}']))
    assert refused(lambda: api.serves_openapi(stack, "api", "/o")) == "GET /o describes no path"


def described(*gets: dict[str, object], **engine: str) -> Stack:
    """Return a stack whose API describes GETs that were answered like this."""
    told = {"openapi": "3.1.0", "paths": 9, "gets": [*gets]}
    return stack_on(FakeEngine(outputs=[f"0 {json.dumps(told)}"], **engine))


def test_error_behind_a_failing_get() -> None:
    """The reason has the exception that the API logged, and not only that its log has one."""
    log = (
        "ERROR:    Exception in ASGI application\nTraceback (most recent call last):\n  File\nKeyError: 'x'\nINFO: bye"
    )
    stack = described({"url": "/a", "status": 500}, errors=log)
    assert (
        refused(lambda: api.answers_every_get(stack, "api", "/o"))
        == "GET /a answered 500; the API's log says: KeyError: 'x'"
    )


def test_long_poll() -> None:
    """A GET that is taken and not answered in time is no failure; it is named, and does not count as answered."""
    late = {"url": "/wait", "error": "got no answer within 5.0 s", "late": True}
    stack = described({"url": "/", "status": 200}, late)
    told = api.answers_every_get(stack, "api", "/o")
    assert told == "1 GETs below 500; no answer in time, as of a long poll: /wait"
    reason = refused(lambda: api.answers_every_get(described(late), "api", "/o"))
    assert reason.startswith("none of 1 GETs was answered in time, so nothing was tried; if that is right, accept")


@pytest.mark.parametrize(
    ("gets", "words"),
    [
        ([], "GET /o describes no GET, so none was tried; if that is right, accept `answers-every-get` in"),
        (
            [{"url": "/a", "status": 404}, {"url": "/b", "status": 404}],
            (
                "none of 2 GETs was answered 2xx, so nothing was tried: GET /a answered 404; "
                "correct the `servers` of /o, or give its parameters an `example` of something that exists"
            ),
        ),
        (
            [{"url": "/a", "status": 401}],
            (
                "none of 1 GETs was answered 2xx, so nothing was tried: GET /a answered 401; "
                "give a token, such as Authorization, in roles.api.headers"
            ),
        ),
        (
            [{"url": "/a", "status": 307, "location": "https://x/a"}],
            "so nothing was tried: GET /a answered 307, a redirect to https://x/a; let it answer without TLS",
        ),
        ([{"url": "/a", "status": 400}], "give a Host that it accepts in roles.api.headers"),
        (
            [{"url": "/a", "status": 404}, {"url": "/b", "status": 422}],
            "GET /a answered 404; give its parameters an `example` of something that exists",
        ),
    ],
)
def test_nothing_was_tried(gets: list[dict[str, object]], words: str) -> None:
    """The rule does not hold if no GET was answered 2xx; the advice depends on what was answered."""
    assert words in refused(lambda: api.answers_every_get(described(*gets), "api", "/o"))


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            Reply(status=307, location="/livez/"),
            "GET /livez answered 307, a redirect to /livez/; set roles.api.live to /livez/, or let it answer without",
        ),
        (
            Reply(status=301, location="https://api:8000/livez"),
            (
                "GET /livez answered 301, a redirect to https://api:8000/livez; let it answer without TLS: set "
                "X-Forwarded-Proto to https in roles.api.headers"
            ),
        ),
        (
            Reply(status=400, body="Invalid host header"),
            (
                "GET /livez answered 400: Invalid host header; if it does not accept the Host of the request, "
                "give a Host that it accepts in roles.api.headers"
            ),
        ),
        (Reply(status=401), "GET /livez answered 401; give a token, such as Authorization, in roles.api.headers"),
        (Reply(status=403), "GET /livez answered 403; give a token, such as Authorization, in roles.api.headers"),
        (Reply(status=404), "GET /livez answered 404; correct roles.api.port or roles.api.live"),
    ],
)
def test_advice_depends_on_the_answer(reply: Reply, words: str) -> None:
    """A redirect shows where it leads, 400 points to the Host, 401 and 403 to the token, with the setting to change."""
    stack = stack_on(FakeEngine())
    never = Arrived(live_at=None, ready_at=None, live=reply, ready=Reply())
    assert refused(lambda: api.live(stack, never, "api")).startswith(words)


def test_setting_that_the_advice_names() -> None:
    """The advice names the setting of the path that was asked for, for readiness and for the document, too."""
    stack, moved = stack_on(FakeEngine()), Reply(status=308, location="/ready")
    reason = refused(lambda: api.ready(stack, replace(CAME, ready_at=None, ready=moved), "api"))
    assert "set roles.api.ready to /ready" in reason
    told = json.dumps({"error": "GET /o answered 302", "status": 302, "location": "/docs/o"})
    reason = refused(lambda: api.serves_openapi(stack_on(FakeEngine(outputs=[f"0 {told}"])), "api", "/o"))
    assert reason == (
        "GET /o answered 302, a redirect to /docs/o; "
        "set roles.api.openapi to /docs/o, or let it answer without a redirect"
    )


def test_error_behind_a_bad_answer() -> None:
    """Beside what the API answered stands the error that it logged."""
    stack = stack_on(FakeEngine(log="12:00 ERROR cannot connect to redis\n12:01 INFO GET /readyz 503"))
    reason = refused(lambda: api.ready(stack, replace(CAME, ready_at=None, ready=Reply(status=503, body="no")), "api"))
    assert reason == "GET /readyz answered 503: no; its log says: 12:00 ERROR cannot connect to redis"
