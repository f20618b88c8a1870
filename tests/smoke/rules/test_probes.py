"""Probes of invoke.yaml against an API of prepared answers: what is kept, waited for and compared."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import FakeEngine, answered, stack_on
from weighbridge.settings.probes import Probe
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import probes, requests

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def answering(*answers: tuple[int, object]) -> FakeEngine:
    """Return an engine whose client gets these answers: status and JSON."""
    return FakeEngine(outputs=[answered(each) for each in answers])


def probe(*steps: dict[str, Any]) -> Probe:
    """Return a probe."""
    return Probe.model_validate({"rule": "works", "steps": steps})


def sent(engine: FakeEngine) -> list[tuple[str, str, Any]]:
    """Return method, path and body of all requests."""
    wanted = [json.loads(command[-1])["requests"][0] for command in engine.commands]
    return [(each["method"], each["path"], each["body"] and json.loads(each["body"])) for each in wanted]


def test_what_is_kept_is_used() -> None:
    """An id from one answer goes into path, body and expectation of later steps, and stays a number."""
    engine = answering((201, {"data": {"id": 7}}), (200, {"of": 7}))
    steps = (
        {"post": "/things", "body": {"n": "{unique}"}, "status": 201, "keep": {"id": "data.id"}},
        {"post": "/things/{id}/x", "body": {"id": "{id}", "text": "no {id}, {other}"}, "expect": {"of": "{id}"}},
    )
    assert probes.holds(stack_on(engine), probe(*steps)).startswith("2 requests, in 0.")
    first, second = sent(engine)
    assert len(first[2]["n"]) == 16
    assert second == ("POST", "/things/7/x", {"id": 7, "text": "no 7, {other}"})


def test_word_that_is_new_each_time() -> None:
    """Two runs of a probe never send the same word."""
    words = set()
    for _ in range(2):
        engine = answering((200, None))
        probes.holds(stack_on(engine), probe({"post": "/x", "body": "{unique}"}))
        words.add(sent(engine)[0][2])
    assert len(words) == 2


def test_waiting() -> None:
    """A step is repeated until its fields have their values, or the time is up."""
    engine = answering((200, {"status": "pending"}), (200, {"status": "done", "n": 3}))
    step = {"get": "/x", "until": {"status": "done"}, "expect": {"n": 3}}
    assert probes.holds(stack_on(engine, timeout_seconds=5), probe(step))
    with pytest.raises(CheckFailed, match=r'status = "pending", not "done": .* after 0[.]01 s; does a worker of'):
        probes.holds(stack_on(answering(*[(200, {"status": "pending"})] * 30)), probe(step))


@pytest.mark.parametrize(
    ("step", "answer", "words"),
    [
        ({"get": "/x"}, (404, {"detail": "no"}), 'GET /x answered 404, not 2xx: {"detail": "no"}'),
        ({"get": "/x", "status": [200, 201]}, (204, ""), 'GET /x answered 204, not 200 or 201: ""'),
        ({"get": "/x", "expect": {"n": 3}}, (200, {"n": 4}), 'GET /x answered n = 4, not 3: {"n": 4}'),
        ({"get": "/x", "equals": {"n": 3}}, (200, {"n": 3, "m": 1}), 'GET /x answered {"n": 3, "m": 1}, not {"n": 3}'),
        ({"get": "/x", "keep": {"id": "id"}}, (200, {}), "GET /x answered without 'id': {}"),
        ({"delete": "/x"}, (404, "no"), 'DELETE /x answered 404, not 2xx: "no"'),
        (
            {"get": "/x", "contains": ["one", "thr\u00e9e"]},
            (200, "one two"),
            'GET /x answered without the text "thr\u00e9e": "one two"',
        ),
    ],
)
def test_answer_that_is_another(step: dict[str, Any], answer: tuple[int, object], words: str) -> None:
    """The reason says on one line what was answered and what was expected."""
    with pytest.raises(CheckFailed) as caught:
        probes.holds(stack_on(answering(answer)), probe(step))
    assert str(caught.value) == words


@given(JSON)
def test_without_anything_kept_all_stays(value: Any) -> None:
    """Braces without a known name in them stay as they are."""
    assert requests.fill_placeholders(value, {}) == value


@given(JSON, st.text() | st.integers())
def test_placeholder_becomes_the_value_anywhere(value: Any, kept: str | int) -> None:
    """A text that is a placeholder becomes the kept value at any depth; nothing else changes."""
    name = "weighbridge_kept"
    assert requests.fill_placeholders({"a": [value, f"{{{name}}}"]}, {name: kept}) == {"a": [value, kept]}
    assert requests.fill_placeholders(f"x{{{name}}}", {name: kept}) == f"x{kept}"


def described(headers: list[tuple[str, str]], body: str = "", status: int = 200) -> str:
    """Return what the script of requests prints of one answer with headers."""
    return f"0 {json.dumps([{'status': status, 'body': body, 'headers': headers}])}"


def test_login_and_token() -> None:
    """A token that one step keeps is in the headers of the next, and in no reason: not even if the API repeats it."""
    engine = FakeEngine(outputs=[answered((200, {"access_token": "t-48151623"})), answered((401, "bad t-48151623"))])
    steps = (
        {"post": "/token", "form": {"username": "u", "password": "p"}, "keep": {"key": "access_token"}},
        {"get": "/me", "headers": {"Authorization": "Bearer {key}"}},
    )
    with pytest.raises(CheckFailed) as caught:
        probes.holds(stack_on(engine), probe(*steps))
    asked = [json.loads(command[-1])["requests"][0] for command in engine.commands]
    assert asked[0]["headers"] == {"Content-Type": "application/x-www-form-urlencoded"}
    assert asked[0]["body"] == "username=u&password=p"
    assert asked[1]["headers"] == {"Authorization": "Bearer t-48151623"}
    assert str(caught.value) == (
        'GET /me answered 401, not 2xx: "bad ***"; give a token that it accepts in the step\'s headers'
    )


HEADERS = [("Content-Type", "text/csv; charset=utf-8"), ("Vary", "a"), ("vary", "b")]


@pytest.mark.parametrize(
    "expected",
    [{"content-type": "text/csv"}, {"Content-Type": "text/csv; charset=utf-8"}, {"Vary": "b"}],
)
def test_text_and_headers(expected: dict[str, str]) -> None:
    """An answer that is no JSON is judged by its text and its headers, these with or without their parameters."""
    engine = FakeEngine(outputs=[described(HEADERS, "id,n\n1,2\n")])
    step = {"get": "/x", "contains": "1,2", "expect_headers": expected}
    assert probes.holds(stack_on(engine), probe(step)).startswith("1 request, ")


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        ({"ETag": "x"}, "GET /x answered without a header ETag; its headers: Content-Type, Vary, vary"),
        ({"Vary": "{unique}"}, r"GET /x answered with the header Vary: a, not [0-9a-f]{16}"),
        ({"Content-Type": "text"}, "the header Content-Type: text/csv; charset=utf-8, not text"),
    ],
)
def test_header_that_is_another(expected: dict[str, str], words: str) -> None:
    """The reason has the header's value or, if there is none, the headers that the answer has."""
    engine = FakeEngine(outputs=[described(HEADERS)])
    with pytest.raises(CheckFailed, match=words):
        probes.holds(stack_on(engine), probe({"get": "/x", "expect_headers": expected}))


@pytest.mark.parametrize("fail_on", [{"job.state": "failed"}, {"other": 1, "job.state": ["lost", "failed"]}])
def test_state_that_ends_the_waiting(fail_on: dict[str, Any]) -> None:
    """A step that waits gives up at once on such a state, and the reason has it and the error of the worker's log."""
    engine = answering((500, "no"), (200, {"job": {"state": "pending"}}), (200, {"job": {"state": "failed"}}))
    engine.text = "Traceback (most recent call last):\nValueError: no such file\n"
    with pytest.raises(CheckFailed) as caught:
        probes.holds(stack_on(engine, timeout_seconds=60), probe({"get": "/x", "until": {"a": 1}, "fail_on": fail_on}))
    assert str(caught.value) == (
        'GET /x answered job.state = "failed", which ends the waiting: {"job": {"state": "failed"}}; '
        "the log of worker says: ValueError: no such file"
    )
    assert len(engine.commands) == 3


def test_list_that_ends_the_waiting() -> None:
    """A field that is itself a list ends the waiting if it is the whole list that `fail_on` has."""
    step = {"get": "/x", "until": {"a": 1}, "fail_on": {"b": [1, 2]}}
    with pytest.raises(CheckFailed, match=r"b = \[1, 2\], which ends the waiting"):
        probes.holds(stack_on(answering((200, {"a": 0, "b": [1, 2]})), timeout_seconds=60), probe(step))


def redirect(status: int, location: str = "") -> str:
    """Return what the script of requests prints of one answer."""
    return f"0 {json.dumps([{'status': status, 'body': '', 'location': location}])}"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (307, "a redirect to /x/, not 2xx: (nothing); set the path to /x/, or let it answer without a redirect"),
        (400, "400, not 2xx: (nothing); if it does not accept the Host of the request, give a Host"),
        (401, "401, not 2xx: (nothing); give a token, such as Authorization, in roles.api.headers"),
        (403, "403, not 2xx: (nothing); give a token, such as Authorization, in roles.api.headers"),
    ],
)
def test_answer_that_will_not_change(status: int, words: str) -> None:
    """A step that waits gives up at once on an answer that only a setting can change, and names the setting."""
    engine = FakeEngine(outputs=[redirect(status, "/x/" if status == 307 else "")] * 2)
    with pytest.raises(CheckFailed) as caught:
        probes.holds(stack_on(engine, timeout_seconds=60), probe({"get": "/x", "until": {"a": 1}}))
    assert words in str(caught.value)
    assert len(engine.commands) == 1


def test_redirect_is_no_success() -> None:
    """A redirect fails a step that names no status, because nothing was done; a step may name it."""
    engine = FakeEngine(outputs=[redirect(303, "/done")] * 2)
    assert probes.holds(stack_on(engine), probe({"post": "/x", "status": 303}))
    with pytest.raises(CheckFailed, match="POST /x answered 303, a redirect to /done, not 2xx"):
        probes.holds(stack_on(engine), probe({"post": "/x"}))


def test_answer_that_is_waited_for_although_it_is_a_refusal() -> None:
    """A status that the step names is no refusal, and is waited for."""
    answers = [(403, {"a": 0}), (403, {"a": 1})]
    step = {"get": "/x", "status": 403, "until": {"a": 1}}
    assert probes.holds(stack_on(answering(*answers), timeout_seconds=5), probe(step))


def test_job_in_a_queue_that_no_worker_takes_from() -> None:
    """If the time is up and a job waits in a queue that the worker does not take jobs from, that is the reason."""
    waiting = f"0 {json.dumps([[['high', 2]], []])}"
    engine = FakeEngine(log=".> celery           exchange=celery(direct) key=celery", outputs=[waiting] * 3)
    pending = answered((200, {"status": "pending"}))
    engine.outputs = [pending, *[waiting] * 3]
    stack = stack_on(engine, timeout_seconds=1e-9)
    with pytest.raises(CheckFailed) as caught:
        probes.holds(stack, probe({"get": "/x", "until": {"status": "done"}}))
    assert str(caught.value).endswith(
        " after 1e-09 s; no worker takes the jobs that wait in queue high (2); it takes them from celery; "
        "add --queues celery,high to roles.worker.command, or send the jobs to a queue that a worker takes jobs from"
    )
