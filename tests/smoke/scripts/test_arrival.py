"""The script that waits for an API, against servers that start slowly."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from tests.support.scripts import Receive, Scope, Send, answer, free_port, said, serving, speaking, started
from weighbridge.smoke.scripts import arrival

PATHS: Any = {"live": "/livez", "ready": "/readyz", "headers": {"X-From": "test"}}


class Slow:
    """A server that is live after some requests, ready after some more, and records the paths of all."""

    def __init__(self, *, live_after: int, ready_after: int) -> None:
        self._left = {"/livez": live_after, "/readyz": ready_after}
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer 503 until it is time."""
        path = scope["path"]
        assert (b"x-from", b"test") in scope["headers"]
        self.asked.append(path)
        self._left[path] -= 1
        await answer(send, 200 if self._left[path] < 0 else 503, f"{path} {self._left[path]}".encode())


def test_live_then_ready() -> None:
    """The script prints when the API became live and ready; it does not ask for ready before the API is live."""
    app, before = Slow(live_after=2, ready_after=3), time.time()
    with serving(app) as port, started(arrival, {"host": "127.0.0.1", "port": port, "seconds": 10, **PATHS}) as process:
        told = json.loads(said(process)[-1])
    assert app.asked == ["/livez"] * 3 + ["/readyz"] * 4
    assert before <= told["live_at"] <= told["ready_at"] <= time.time()
    assert told["live"] == {"status": 200, "body": "/livez -1"}
    assert told["ready"] == {"status": 200, "body": "/readyz -1"}


def test_server_that_comes_late() -> None:
    """The script waits while connections are refused."""
    port = free_port()
    with started(arrival, {"host": "127.0.0.1", "port": port, "seconds": 10, **PATHS}) as process:
        time.sleep(0.1)
        begun = time.time()
        with serving(Slow(live_after=0, ready_after=0), port=port):
            told = json.loads(said(process)[-1])
    assert begun <= told["live_at"] <= told["ready_at"]


def test_never_ready() -> None:
    """When the time is up, the last answer says what is wrong."""
    with serving(Slow(live_after=0, ready_after=10**6)) as port:
        told = arrival.watch_arrival(host="127.0.0.1", port=port, seconds=0.05, **PATHS)
    assert told["live_at"] is not None
    assert told["ready_at"] is None
    assert isinstance(told["ready"], dict)
    assert told["ready"]["status"] == 503
    assert told["ready"]["body"].startswith("/readyz ")


@pytest.mark.parametrize(
    ("statuses", "is_live", "seconds", "most"),
    [
        ([404], False, 3.0, 2.0),
        ([401], False, 3.0, 2.0),
        ([404, 404, 200], True, 3.0, 2.0),
        ([503], False, 0.7, 10.0),
        ([429], False, 0.7, 10.0),
        ([404, 503] * 30, False, 0.7, 10.0),
    ],
)
def test_request_that_is_wrong_is_not_repeated_for_ever(
    monkeypatch: pytest.MonkeyPatch, statuses: list[int], seconds: float, most: float, *, is_live: bool
) -> None:
    """The script gives up early on an API that goes on answering 404, but not on one that is not ready yet."""
    monkeypatch.setattr(arrival, "_PATIENCE_SECONDS", 0.3)
    left = iter(statuses)

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, next(left, statuses[-1]), b"")

    before = time.monotonic()
    with serving(app) as port:
        told = arrival.watch_arrival(host="127.0.0.1", port=port, seconds=seconds, **PATHS)
        took = time.monotonic() - before
    assert (told["live_at"] is not None) is is_live
    assert took < most
    assert is_live or most < seconds or took >= seconds


@pytest.mark.parametrize(("host", "why"), [("127.0.0.1", "refused"), ("nowhere.invalid", "")])
def test_never_there(host: str, why: str) -> None:
    """If nothing listens or the name is unknown, the script prints the error, and that it never asked for ready."""
    told = arrival.watch_arrival(host=host, port=free_port(), seconds=0.05, **PATHS)
    assert (told["live_at"], told["ready_at"], told["ready"]) == (None, None, None)
    assert isinstance(told["live"], dict)
    assert why in told["live"]["error"]


def test_answer_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script gives up on a connection that is accepted and never answered."""
    monkeypatch.setattr(arrival, "_ASK_SECONDS", 0.1)
    before = time.monotonic()
    with speaking(b"HTTP/1.1 ", *[b"2"] * 40, pause=0.05) as port:
        told = arrival.watch_arrival(host="127.0.0.1", port=port, seconds=0.01, **PATHS)
    assert told["live"] == {"error": "no answer within 0.1 s", "body": ""}
    assert time.monotonic() - before < 1.5


def test_redirect_ends_the_wait() -> None:
    """A redirect will not become an answer: the script stops at once, with the place that it leads to."""

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await answer(send, 307, b"", location="https://x/livez")

    before = time.monotonic()
    with serving(app) as port:
        told = arrival.watch_arrival(host="127.0.0.1", port=port, seconds=30, **PATHS)
    assert told["live"] == {"status": 307, "body": "", "location": "https://x/livez"}
    assert time.monotonic() - before < 3


def test_answer_that_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API that takes longer for each answer than the script waits at first is still found ready in time."""
    monkeypatch.setattr(arrival, "_ASK_SECONDS", 0.05)

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.3)
        await answer(send, 200, b"")

    with serving(app) as port:
        told = arrival.watch_arrival(host="127.0.0.1", port=port, seconds=20, **PATHS)
    assert told["live_at"] is not None
    assert told["ready_at"] is not None
