"""The client against a real server: answers as they are, and every failure in one line."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from weighbridge.smoke.failures import CheckFailed
from weighbridge.smoke.http import Answer, Client


class Echo(BaseHTTPRequestHandler):
    """Answers a POST with its body and type, and a GET with 503 and two lines of text."""

    def do_GET(self) -> None:
        """Refuse."""
        self.send_response(503)
        self.end_headers()
        self.wfile.write(b"not\nyet " + b"x" * 500)

    def do_POST(self) -> None:
        """Send the body back."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.end_headers()
        self.wfile.write(b'{"type": "%s", "body": %s}' % (self.headers["Content-Type"].encode(), body))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Return a client of a server; a proxy in the environment must not come between them."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Client("127.0.0.1", server.server_port)
        server.shutdown()
        thread.join()


def test_post(client: Client) -> None:
    """JSON goes out as JSON, and fields of the answer come back."""
    answer = client.post("/x", '{"a": "é"}').expect(200, 201)
    assert answer.json() == {"type": "application/json", "body": {"a": "é"}}
    assert answer.field("body") == {"a": "é"}


def test_unexpected_status(client: Client) -> None:
    """The message quotes the beginning of the answer on one line."""
    with pytest.raises(CheckFailed) as caught:
        client.get("/readyz").expect(200)
    assert str(caught.value) == f"GET /readyz answered 503, not 200: not yet {'x' * 192}"


def test_no_json(client: Client) -> None:
    """A body that is no JSON is quoted too."""
    with pytest.raises(CheckFailed, match="GET /x answered no JSON: not yet x"):
        client.get("/x").json()


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null"])
def test_missing_field(body: bytes) -> None:
    """A JSON body without the field names the field."""
    with pytest.raises(CheckFailed, match="POST /x answered without 'id'"):
        Answer("POST /x", 200, body).field("id")


def test_empty_body() -> None:
    """Nothing is called nothing."""
    with pytest.raises(CheckFailed, match=r"answered 404, not 200 or 201: \(nothing\)"):
        Answer("GET /x", 404, b"").expect(200, 201)


def test_nobody_listens() -> None:
    """A refused connection names where it went."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(CheckFailed, match=rf"GET / on 127.0.0.1:{port} got no answer: .*refused"):
        Client("127.0.0.1", port).get("/")
