"""The client against a real server, by the script that runs inside containers: answers, and failures in one line."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from tests.smoke.fakes import stack_on
from weighbridge.smoke import http
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
        told = (self.headers["Content-Type"].encode(), self.headers.get("Authorization", "none").encode(), body)
        self.wfile.write(b'{"type": "%s", "authorization": "%s", "body": %s}' % told)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class ThisMachine:
    """An engine whose one container is the machine of the test."""

    def execute(self, _container: str, command: Sequence[str], seconds: float) -> tuple[int, str]:
        """Run the command with this interpreter."""
        done = subprocess.run(
            [sys.executable, *command[1:]], capture_output=True, text=True, check=False, timeout=seconds
        )
        return done.returncode, done.stdout + done.stderr


def client_of(port: int, **environment: str) -> Client:
    """Return a client of what listens on the port, with the API's environment."""
    return Client(stack_on(ThisMachine(), {"port": port, "environment": environment}))


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Return the port of a server; a proxy in the environment must not come between."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setattr(http, "_HOST", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_post(port: int) -> None:
    """JSON goes out as JSON, and fields of the answer come back."""
    answer = client_of(port).post("/x", '{"a": "é"}').expect(200, 201)
    assert answer.json() == {"type": "application/json", "authorization": "none", "body": {"a": "é"}}
    assert answer.field("body") == {"a": "é"}


@pytest.mark.parametrize(("token", "sent"), [("secret", "Bearer secret"), ("", "none")])
def test_token_of_the_settings(port: int, token: str, sent: str) -> None:
    """An API that guards its writes is asked with the token that the settings give it."""
    assert client_of(port, API_TOKEN=token).post("/x", "{}").field("authorization") == sent


def test_unexpected_status(port: int) -> None:
    """The message quotes the beginning of the answer on one line."""
    with pytest.raises(CheckFailed) as caught:
        client_of(port).get("/readyz").expect(200)
    assert str(caught.value) == f"GET /readyz answered 503, not 200: not yet {'x' * 192}"


def test_no_json(port: int) -> None:
    """A body that is no JSON is quoted too."""
    with pytest.raises(CheckFailed, match="GET /x answered no JSON: not yet x"):
        client_of(port).get("/x").json()


@pytest.mark.skipif(sys.platform != "linux", reason="has the address 127.0.0.2")
def test_server_on_loopback_alone(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """A server that its own container reaches and no other is told with the option that mends it."""
    monkeypatch.setattr(http, "_HOST", "127.0.0.2")
    with pytest.raises(CheckFailed, match=r"binds to 127\.0\.0\.1; use --host 0\.0\.0\.0"):
        client_of(port).get("/")


@pytest.mark.parametrize("body", ["{}", "[]", "null"])
def test_missing_field(body: str) -> None:
    """A JSON body without the field names the field."""
    with pytest.raises(CheckFailed, match="POST /x answered without 'id'"):
        Answer("POST /x", 200, body).field("id")


def test_empty_body() -> None:
    """Nothing is called nothing."""
    with pytest.raises(CheckFailed, match=r"answered 404, not 200 or 201: \(nothing\)"):
        Answer("GET /x", 404, "").expect(200, 201)


@pytest.mark.parametrize(("host", "why"), [("127.0.0.1", ".*refused"), ("nowhere.invalid", ".+")])
def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, host: str, why: str) -> None:
    """A refused connection, and a name that leads nowhere, name where it went."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setattr(http, "_HOST", host)
    with pytest.raises(CheckFailed, match=rf"GET / on {host}:{port} got no answer: {why}"):
        client_of(port).get("/")
