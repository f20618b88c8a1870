"""The client against a real server, through the script that runs in containers: answers, and failures on one line."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from tests.support.fakes import FakeEngine, answered, stack_on
from weighbridge.model.container import CommandResult, Streams
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack.http import Answer, Client


class Echo(BaseHTTPRequestHandler):
    """A server that answers a POST with its body and type, and a GET with 503 and two lines of text."""

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
    """An engine whose only container is the machine of the test."""

    def execute(
        self, _container: str, command: Sequence[str], seconds: float, _on_line: Callable[[str], None] | None = None
    ) -> CommandResult:
        """Run the command with this interpreter."""
        done = subprocess.run(
            [sys.executable, *command[1:]], capture_output=True, text=True, check=False, timeout=seconds
        )
        return CommandResult(code=done.returncode, streams=Streams(output=done.stdout, errors=done.stderr))


def client_of(port: int, host: str = "127.0.0.1", **headers: str) -> Client:
    """Return a client for the server on this port, with the headers of the settings."""
    return Client(stack_on(ThisMachine(), {"port": port, "headers": headers}), "api", host)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Return the port of a server; the environment names a proxy that must not be used."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_post(port: int) -> None:
    """JSON goes out as JSON, and fields of the answer come back."""
    answer = client_of(port).post("/x", {"a": "é"}).expect(200, 201)
    assert answer.parse_json() == {"type": "application/json", "authorization": "none", "body": {"a": "é"}}
    assert answer.get_field("body") == {"a": "é"}


def test_headers_of_the_settings(port: int) -> None:
    """Requests have the token of the settings."""
    assert client_of(port, Authorization="Bearer x").post("/x", {}).get_field("authorization") == "Bearer x"


def test_many_requests(port: int) -> None:
    """Several requests run in one command, and the answers come in their order."""
    answers = client_of(port).send_all("GET", ["/a", "/b"])
    assert [(answer.request, answer.status) for answer in answers] == [("GET /a", 503), ("GET /b", 503)]


def test_unexpected_status(port: int) -> None:
    """The message quotes the beginning of the answer on one line."""
    with pytest.raises(CheckFailed) as caught:
        client_of(port).get("/readyz").expect(200)
    assert str(caught.value) == f"GET /readyz answered 503, not 200: not yet {'x' * 192}"


def test_no_json(port: int) -> None:
    """A body that is no JSON is quoted in the error."""
    with pytest.raises(CheckFailed, match="GET /x did not answer with JSON: not yet x"):
        client_of(port).get("/x").parse_json()


@pytest.mark.parametrize("body", ["{}", "[]", "null", '{"a": []}', '{"a": [7]}', '{"a": [{"c": 1}]}', '"ab"'])
def test_missing_field(body: str) -> None:
    """The error for a missing field names its path, wherever the path ends."""
    with pytest.raises(CheckFailed, match=r"POST /x answered without 'a[.]0[.]b'"):
        Answer("POST /x", 200, body).get_field("a.0.b")


def test_field_below_others() -> None:
    """Parts of a path are keys of objects and indexes of lists."""
    assert Answer("GET /x", 200, '{"a": [{"b": null}, {"b": 5}]}').get_field("a.1.b") == 5


def test_empty_body() -> None:
    """An empty body is quoted as `(nothing)`."""
    with pytest.raises(CheckFailed, match=r"answered 404, not 200 or 201: \(nothing\)"):
        Answer("GET /x", 404, "").expect(200, 201)


@pytest.mark.parametrize(("host", "why"), [("127.0.0.1", ".*refused"), ("nowhere.invalid", ".+")])
def test_nobody_listens(host: str, why: str) -> None:
    """The error for a refused connection or an unknown host names the host."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(CheckFailed, match=rf"GET / on {host} got no answer: {why}"):
        client_of(port, host).get("/")


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ({}, {"Content-Type": "application/json"}),
        ({"content-type": "application/x"}, {"content-type": "application/x"}),
        ({"Host": "x", "HOST": "y"}, {"Content-Type": "application/json", "HOST": "y"}),
        ({"Content-Length": "7", "transfer-encoding": "chunked"}, {"Content-Type": "application/json"}),
    ],
)
def test_each_header_has_one_name(headers: dict[str, str], sent: dict[str, str]) -> None:
    """However the settings spell a header, it is there once; the length of the body is not theirs to say."""
    assert client_of(1, **headers).build_headers("{}") == sent
    assert "Content-Type" not in client_of(1, **headers).build_headers()


def test_headers_of_a_step() -> None:
    """A request's own headers replace those of the settings, and a form keeps the type that names its boundary."""
    client = client_of(1, **{"content-type": "application/x", "authorization": "a"})
    own = {"Authorization": "b"}
    assert client.build_headers("{}", own=own) == {"content-type": "application/x", "Authorization": "b"}
    assert client.build_headers("a=b", "x/form", own) == {"Content-Type": "x/form", "Authorization": "b"}
    assert client.build_headers("{}", own={"Content-Type": "x/y"})["Content-Type"] == "x/y"


@pytest.mark.parametrize(("timeout", "limit"), [(5, 10), (10, 10), (70, 70)])
def test_time_for_an_answer(timeout: float, limit: float) -> None:
    """An answer may take as long as the settings allow a job to take."""
    engine = FakeEngine(outputs=[answered((200, "ok"))])
    Client(stack_on(engine, timeout_seconds=timeout), "api").get("/")
    assert json.loads(engine.commands[0][-1])["timeout_seconds"] == limit
