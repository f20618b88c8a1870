"""The script whose clients do not go on, against real servers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.scripts import Receive, Scope, Send, answer, free_port, run, serving
from weighbridge.smoke.scripts import hold

HEAD = "GET / HTTP/1.1\r\nHost: x\r\n"


def held(port: int, text: str, **more: Any) -> Any:
    """Run the script and return what it saw."""
    known = {"host": "127.0.0.1", "port": port, "text": text, "clients": 8, "drips": False, "paths": ["/"]}
    return run(hold, {**known, "headers": {}, "settle_seconds": 0.3, "limit_seconds": 1, **more})


def test_server_that_goes_on() -> None:
    """A server that keeps heads waiting but answers others is seen to have closed nothing."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await answer(send, 200)

    with serving(app) as port:
        found = held(port, HEAD + "X: ", drips=True, paths=["/", "/other"], settle_seconds=1.3)
    assert (found["opened"], found["refused"], found["closed"]) == (8, 0, 0)
    assert [(each["path"], each["status"]) for each in found["answers"]] == [("/", 200), ("/other", 200)]
    assert max(each["seconds"] for each in found["answers"]) < 1


def test_answers_that_nobody_reads() -> None:
    """The server cannot send a large answer to the end, because nobody reads it."""
    begun, ended = [0], [0]
    seen: list[tuple[int, int]] = []

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        if scope["path"] != "/large":
            seen.append((begun[0], ended[0]))
            await answer(send, 200)
            return
        begun[0] += 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for left in reversed(range(16)):  # uvicorn waits for the client before the next one
            await send({"type": "http.response.body", "body": b"x" * 2**20, "more_body": left > 0})
        ended[0] += 1

    with serving(app) as port:
        found = held(port, HEAD.replace("/", "/large", 1) + "\r\n")
    assert [each["status"] for each in found["answers"]] == [200]
    assert seen == [(8, 0)]


@pytest.fixture
def closing() -> Iterator[int]:
    """Serve at a socket that closes each connection at once, and return its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    listener.accept()[0].close()
                except TimeoutError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        ended.set()
        thread.join()


def test_server_that_closes(closing: int) -> None:
    """Connections that the server has closed are counted; a path that is never answered has the last error."""
    found = held(closing, HEAD)
    assert (found["opened"], found["closed"]) == (8, 8)
    assert found["answers"][0].keys() == {"error", "path", "seconds"}
    assert found["answers"][0]["seconds"] > 1


def test_status_that_never_is_200() -> None:
    """When the time is up, the script prints the last status."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await answer(send, 503)

    began = time.monotonic()
    with serving(app) as port:
        assert held(port, HEAD)["answers"][0]["status"] == 503
    assert time.monotonic() - began < 10


def test_nobody_listens() -> None:
    """Refused connections are counted as such."""
    found = held(free_port(), HEAD)
    assert (found["opened"], found["refused"], found["closed"]) == (0, 8, 0)
    assert "refused" in found["answers"][0]["error"].lower()
