"""The script that sends half a request, against a real server that is stopped in the meantime."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripts import free_port, said, started
from weighbridge.smoke.scripts import in_flight

SERVER = """
import uvicorn
async def app(scope, receive, send):
    body, more = b'', True
    while more and scope['path'] != '/unread':
        message = await receive()
        body, more = body + message.get('body', b''), message.get('more_body', False)
    await send({'type': 'http.response.start', 'status': 201, 'headers': []})
    await send({'type': 'http.response.body', 'body': body})
uvicorn.run(app, port=%d, lifespan='off', log_level='critical', ws='none')
"""


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start an echo server, and return it with its port."""
    port = free_port()
    with subprocess.Popen([sys.executable, "-c", SERVER % port], cwd=Path(__file__).parent) as process:
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        yield process, port
        process.kill()


def wanted(port: int, **more: Any) -> dict[str, Any]:
    """Return the script's argument."""
    known = {"host": "127.0.0.1", "port": port, "method": "POST", "path": "/", "headers": {"X": "y"}}
    return {**known, "body": "é" * 50, "hold_seconds": 10, "limit_seconds": 20, **more}


def test_server_that_finishes(server: tuple[subprocess.Popen[bytes], int]) -> None:
    """A server that refuses new connections but finishes open requests answers."""
    process, port = server
    with started(in_flight, wanted(port)) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        told = json.loads(said(script)[-1])
    assert told == {"status": 201, "body": "é" * 50, "closed": True}


def test_server_that_does_not_read_the_body(server: tuple[subprocess.Popen[bytes], int]) -> None:
    """An API that answers without reading the body has nothing in flight, and goes on."""
    process, port = server
    with started(in_flight, wanted(port, path="/unread")) as script:
        (line,) = said(script)
    assert json.loads(line) == {"status": 201, "body": "", "closed": False}
    assert process.poll() is None


def test_server_that_drops(server: tuple[subprocess.Popen[bytes], int]) -> None:
    """A server that ends at once leaves the request without an answer."""
    process, port = server
    with started(in_flight, wanted(port)) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "begun\n"
        process.kill()
        told = json.loads(said(script)[-1])
    assert set(told) == {"error", "closed"}
    assert told["closed"] is True
    assert told["error"]


def test_server_that_goes_on(server: tuple[subprocess.Popen[bytes], int], monkeypatch: pytest.MonkeyPatch) -> None:
    """If the server is not stopped, the script says that it goes on accepting connections."""
    monkeypatch.setattr(in_flight, "_AFTERWARDS_SECONDS", 0)
    told = in_flight.send_in_halves(**wanted(server[1], hold_seconds=0.1))
    assert told == {"status": 201, "body": "é" * 50, "closed": False}


def test_answer_before_the_end() -> None:
    """A server that rejects a request before it has all of it, and closes the connection, has answered."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, started(in_flight, wanted(listener.getsockname()[1])) as script:
        connection, _ = listener.accept()
        assert script.stdout is not None
        assert script.stdout.readline() == "begun\n"
        listener.close()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
        lines = said(script)
    assert json.loads(lines[-1]) == {"status": 401, "body": "no", "closed": True}


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_half_is_there_when_the_signal_comes(method: str) -> None:
    """When `begun` is printed, the server has the head and half of the body; the rest comes once it takes no others."""
    body = 'a"\r\n\r\n\udcff' * 20
    data = body.encode(errors="surrogateescape")
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, started(in_flight, wanted(listener.getsockname()[1], method=method, body=body)) as script:
        assert script.stdout is not None
        assert script.stdout.readline() == "begun\n"
        connection, _ = listener.accept()
        with connection:
            head, _, half = connection.recv(65536).partition(b"\r\n\r\n")
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            listener.close()
            connection.settimeout(10)
            rest = connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert json.loads(said(script)[-1]) == {"status": 200, "body": "ok", "closed": True}
    assert head.startswith(f"{method} / HTTP/1.1\r\n".encode())
    assert (half, half + rest) == (data[: len(data) // 2], data)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok", {"status": 202, "body": "ok"}),
        (b"", {"error": "Remote end closed connection without response"}),
    ],
)
def test_answer_to_the_first_half(answer: bytes, told: dict[str, object]) -> None:
    """A server that does not wait for the rest is not stopped, because nothing is in flight then."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, started(in_flight, wanted(listener.getsockname()[1])) as script:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)
        (line,) = said(script)
    assert json.loads(line) == {**told, "closed": False}


def test_answer_that_breaks_off() -> None:
    """An answer counts only if all of it comes."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, started(in_flight, wanted(listener.getsockname()[1])) as script:
        connection, _ = listener.accept()
        assert script.stdout is not None
        assert script.stdout.readline() == "begun\n"
        listener.close()
        with connection:
            connection.recv(65536)
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok")
        told = json.loads(said(script)[-1])
    assert told.keys() == {"error", "closed"}
    assert "IncompleteRead" in told["error"]


def head_of(headers: dict[str, str]) -> list[str]:
    """Return the lines of the head that a server gets from the script."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, started(in_flight, wanted(listener.getsockname()[1], headers=headers)) as script:
        connection, _ = listener.accept()
        listener.close()
        with connection:
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 303 See Other\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")
        assert json.loads(said(script)[-1])["location"] == "/x"
    return received.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "app.example.org"},
        {"host": "app.example.org", "ACCEPT-ENCODING": "gzip"},
        {"Content-length": "7", "X": "y"},
    ],
)
def test_each_header_is_sent_once(headers: dict[str, str]) -> None:
    """Each header is there once: those of the settings replace ours, but for the length, which we know."""
    lines = [line.partition(": ") for line in head_of(headers)]
    names = [name.lower() for name, _, _ in lines]
    assert sorted(names) == sorted({"host", "accept-encoding", "content-length", *map(str.lower, headers)})
    values = {name.lower(): value for name, _, value in lines}
    assert values["content-length"] == "100"
    assert all(values[name.lower()] == value for name, value in headers.items() if name.lower() != "content-length")


@pytest.mark.parametrize(("more", "why"), [({}, "refused"), ({"body": ""}, "no second half")])
def test_not_begun(more: dict[str, Any], why: str) -> None:
    """If the request cannot be started, the script says why, and does not print `begun`."""
    with started(in_flight, wanted(free_port(), **more)) as script:
        (line,) = said(script)
    told = json.loads(line)
    assert told["closed"] is False
    assert why in told["error"]


@pytest.mark.slow
def test_server_that_needs_the_rest_of_its_time() -> None:
    """Of the time that a server has to end, what it did not need to refuse new requests is left for the answer."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, started(in_flight, wanted(listener.getsockname()[1], hold_seconds=1, limit_seconds=2)) as script:
        connection, _ = listener.accept()
        listener.close()
        with connection:
            time.sleep(1.5)
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok")
            told = json.loads(said(script)[-1])
    assert told == {"status": 201, "body": "ok", "closed": True}
