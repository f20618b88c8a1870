"""The script that sends requests, against real servers."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.scripts import Receive, Scope, Send, answer, body_of, free_port, run, serving, speaking
from weighbridge.smoke.scripts import request


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Echo a POST with its type, or its digest at /digest; answer /large with 2 MiB, and all else with 404."""
    if scope["path"] == "/large":
        await answer(send, 200, b"x" * 2 * 1024 * 1024)
    elif scope["path"] == "/digest":
        await answer(send, 201, hashlib.sha256(await body_of(receive)).hexdigest().encode())
    elif scope["method"] == "POST":
        await answer(send, 201, dict(scope["headers"])[b"content-type"] + b" " + await body_of(receive))
    else:
        await answer(send, 404)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Return the port of the server."""
    with serving(app) as found:
        yield found


def ask(port: int, *requests: dict[str, Any], host: str = "127.0.0.1", seconds: float = 5) -> list[dict[str, Any]]:
    """Return the script's answers."""
    known: dict[str, Any] = {"method": "GET", "path": "/", "headers": {}, "body": None}
    wanted = [{**known, **each} for each in requests]
    found: list[dict[str, Any]] = run(
        request, {"host": host, "port": port, "requests": wanted, "timeout_seconds": seconds}
    )
    return found


def test_answers_in_order(port: int) -> None:
    """Each request is answered with status and body, in the order sent."""
    post = {"method": "POST", "headers": {"Content-Type": "text/x"}, "body": "é"}
    first, second, third = ask(port, post, {"path": "/nothing"}, {**post, "body": ""})
    assert (first["status"], first["body"]) == (201, "text/x é")
    assert (second["status"], second["body"]) == (404, "")
    assert (third["status"], third["body"]) == (201, "text/x ")


def test_large_body_is_cut(port: int) -> None:
    """No more than 1 MiB of a body is read."""
    (told,) = ask(port, {"path": "/large"})
    assert told["body"] == "x" * 1024 * 1024


def test_nobody_listens() -> None:
    """A refused connection is an error in words."""
    (told,) = ask(free_port(), {})
    assert "refused" in told["error"]


@pytest.mark.parametrize(
    ("host", "sent"),
    [("nowhere.invalid", {}), ("127.0.0.1", {"headers": {"X": "a\nb"}}), ("127.0.0.1", {"path": "/a b"})],
    ids=["no such name", "bad header", "bad path"],
)
def test_other_errors(port: int, host: str, sent: dict[str, Any]) -> None:
    """Any other failure is an error in words, and the next request is still sent."""
    told = ask(port, sent, {}, host=host)
    assert told[0]["error"]
    assert len(told) == 2


def test_body_that_breaks_off() -> None:
    """Half an answer counts as no answer."""
    with speaking(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf", pause=0.02) as port:
        told = request.send_request(
            host="127.0.0.1", port=port, method="GET", path="/", headers={}, body=None, seconds=2
        )
    assert told == {"error": "IncompleteRead(4 bytes read, 95 more expected)"}


@pytest.mark.parametrize("pieces", [[b"H"] * 40, [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"] + [b"x"] * 40])
def test_answer_that_trickles(pieces: list[bytes]) -> None:
    """A server that sends single bytes, in the head or in the body, cannot extend the time limit."""
    before = time.monotonic()
    with speaking(*pieces, pause=0.02) as port:
        told = request.send_request(
            host="127.0.0.1", port=port, method="GET", path="/", headers={}, body=None, seconds=0.1
        )
    assert told == {"error": "no answer within 0.1 s"}
    assert time.monotonic() - before < 1.5


def test_connection_that_is_dropped() -> None:
    """A server that closes the connection without an answer is an error in words."""
    with speaking(pause=0.05) as port:
        told = request.send_request(
            host="127.0.0.1", port=port, method="GET", path="/", headers={}, body=None, seconds=2
        )
    assert set(told) == {"error"}


def test_redirect_is_not_followed() -> None:
    """A redirect is an answer, with the place that it leads to."""
    head = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: https://x/a\r\nContent-Length: 0\r\n\r\n"
    with speaking(head, pause=0.02) as port:
        (told,) = ask(port, {})
    assert told == {"status": 307, "body": "", "location": "https://x/a"}


def test_headers_of_the_answer() -> None:
    """If they are wanted, all headers come in their order, also those that occur twice."""
    head = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n"
    with speaking(head, pause=0.02) as port:
        (told,) = ask(port, {"with_headers": True})
    assert told["headers"] == [["Set-Cookie", "a=1"], ["set-cookie", "b=2"], ["Content-Length", "0"]]


def test_large_body_of_any_bytes(port: int) -> None:
    """A body of 256 KiB that is no text arrives byte by byte, although it comes in several arguments."""
    content = bytes(range(256)) * 1024
    wanted = {"host": "127.0.0.1", "port": port, "timeout_seconds": 5}
    sent = {"method": "POST", "path": "/digest", "headers": {"Content-Type": "x"}}
    text = json.dumps({**wanted, "requests": [{**sent, "body": content.decode(errors="surrogateescape")}]})
    (told,) = run(request, *(text[start : start + 100_000] for start in range(0, len(text), 100_000)))
    assert told["body"] == hashlib.sha256(content).hexdigest()
