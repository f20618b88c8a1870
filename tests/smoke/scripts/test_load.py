"""The script that sends without a pause, against a server that refuses some requests."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scripts import Receive, Scope, Send, answer, body_of, free_port, said, serving, started
from weighbridge.smoke.scripts import load


class Picky:
    """A server that accepts some requests, and records the words of all and of the accepted ones."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = statuses
        self.sent: list[str] = []
        self.taken: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with each of the statuses in turn."""
        assert (scope["method"], scope["path"]) == ("PUT", "/x")
        word = json.loads(await body_of(receive))["word"]
        status = self._statuses[len(self.sent) % len(self._statuses)]
        self.sent.append(word)
        if status < 300:
            self.taken.append(word)
        await answer(send, status, json.dumps({"data": {"id": word}}).encode())


def wanted(port: int) -> dict[str, Any]:
    """Return the script's argument."""
    known = {"host": "127.0.0.1", "port": port, "method": "PUT", "path": "/x", "headers": {}, "field": "data.id"}
    return {**known, "body": '{"word": "{unique}"}', "seconds": 0.2, "clients": 2}


def lines_of(port: int) -> list[str]:
    """Return what the script prints."""
    with started(load, wanted(port)) as script:
        return said(script)


def test_what_was_accepted() -> None:
    """Exactly the accepted requests are reported, each with a unique word; refused ones are counted, not repeated."""
    app = Picky(202, 202, 503, 200, 422)
    with serving(app) as port:
        begun, last = lines_of(port)
    told = json.loads(last)
    assert begun == "begun"
    assert sorted(told["accepted"]) == sorted(app.taken)
    assert len(app.sent) == len(set(app.sent)) >= 3
    assert told["refused"] == len(app.sent) - len(app.taken) > 0
    assert told["errors"] == 0
    assert told["longest_gap_seconds"] > 0


@pytest.mark.parametrize(("moments", "gap"), [([], 9), ([1, 2], 7), ([4, 6], 4), ([1, 7, 8], 6)])
def test_longest_gap(moments: list[float], gap: float) -> None:
    """The longest time without an accepted answer may lie before the first, between two, or after the last."""
    run = load.Load(**wanted(0))
    run._accepted = [(run._began + moment, None) for moment in moments]
    run._until = run._began + 9
    assert run._find_longest_gap() == pytest.approx(gap)


def test_nothing_accepted() -> None:
    """If the server accepts nothing, the script pauses between requests, and the gap is the whole time."""
    app = Picky(500)
    with serving(app) as port:
        (line,) = lines_of(port)
    told = json.loads(line)
    assert (told["accepted"], told["errors"]) == ([], 0)
    assert told["refused"] == len(app.sent) <= 10
    assert told["longest_gap_seconds"] >= 0.2


def test_nobody_there() -> None:
    """Failed connections are counted, and followed by a pause."""
    (line,) = lines_of(free_port())
    told = json.loads(line)
    assert (told["accepted"], told["refused"]) == ([], 0)
    assert 2 <= told["errors"] <= 10


@pytest.mark.parametrize("path", ["nowhere", "data.id.more", "data.nowhere", ""])
def test_answer_without_the_field(path: str) -> None:
    """An accepted answer without the field counts, with null as its value."""
    with serving(Picky(200)) as port:
        told = load.Load(**{**wanted(port), "field": path, "seconds": 0.3}).run()
    assert isinstance(told["accepted"], list)
    assert set(told["accepted"]) == {None}


@given(st.binary(max_size=20) | st.text(max_size=20).map(lambda text: json.dumps({"a": [text]}).encode()))
def test_field_of_anything(body: bytes) -> None:
    """Looking for the field raises no error, whatever the answer."""
    found = load.find_field(body, "a")
    assert found is None or re.match(rb"\s*\{", body)


def test_last_refusal() -> None:
    """The last answer that was not 2xx is reported, with the place that it redirects to."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await body_of(receive)
        await answer(send, 307, location="/y")

    with serving(app) as port:
        (line,) = lines_of(port)
    assert json.loads(line)["last_refusal"] == {"status": 307, "location": "/y"}


def test_time_for_an_answer() -> None:
    """An answer may take as long as the caller allows, and longer than a connection."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await body_of(receive)
        await asyncio.sleep(0.3)
        await answer(send, 200, b"{}")

    with serving(app) as port:
        found = [load.Load(**{**wanted(port), "answer_seconds": seconds}).run() for seconds in (0.05, 5)]
    assert [(bool(each["accepted"]), bool(each["errors"])) for each in found] == [(False, True), (True, False)]


def test_new_word_wherever_the_placeholder_stands() -> None:
    """A placeholder that no encoding changes is replaced in path, headers and body, by the same word each."""
    seen: list[tuple[str, str, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        body = (await body_of(receive)).decode()
        seen.append((scope["path"][1:], dict(scope["headers"])[b"idempotency-key"].decode(), body[2:]))
        await answer(send, 200, b"{}")

    with serving(app) as port:
        form = {"path": "/MARK", "headers": {"Idempotency-Key": "MARK"}, "body": "a=MARK", "placeholder": "MARK"}
        with started(load, {**wanted(port), **form}) as script:
            said(script)
    assert len({path for path, _, _ in seen}) == len(seen) > 1
    assert all(path == key == word and path.isalnum() for path, key, word in seen)
