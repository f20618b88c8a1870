"""Connections end in time, and there are never too many, whatever their clients do."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend import connection, health
from backend.settings import Settings

HEAD = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def client(serving: Any, settings: Settings) -> Iterator[httpx.Client]:
    """Yield a client of a service of its own."""
    with serving(settings) as client:
        yield client


def _connect(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 80), 10)


def _seconds_until_closed(link: socket.socket, *, every: float = 10, drip: bytes = b"") -> float:
    """Return how long the server lets a client be that sends a few bytes now and then, and reads."""
    started = time.monotonic()
    link.settimeout(every)
    while time.monotonic() < started + 10:
        try:
            link.sendall(drip)
            if not link.recv(4096):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - started


def _is_closed(link: socket.socket) -> bool:
    link.settimeout(0.1)
    try:
        return link.recv(100) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("start", [b"", HEAD])
def test_a_head_that_does_not_end_is_closed(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    """Also one of which nothing has come yet."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    with _connect(client) as link:
        link.sendall(start)
        assert 0.2 < _seconds_until_closed(link) < 2


def test_a_head_that_trickles_is_closed(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of a head counts from its start, not from its last byte."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.5)
    with _connect(client) as link:
        link.sendall(HEAD + b"X-Long: ")
        assert 0.3 < _seconds_until_closed(link, every=0.1, drip=b"x") < 2


def test_the_second_head_of_a_connection_has_a_limit_too(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a whole request, half of another one."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.5)
    with _connect(client) as link:
        link.sendall(HEAD + b"\r\n")
        assert link.recv(4096).startswith(b"HTTP/1.1 200 ")
        link.sendall(HEAD)
        assert 0.3 < _seconds_until_closed(link) < 2


def test_a_connection_lives_on_between_quick_requests(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of a head is not one of the connection."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    with _connect(client) as link:
        for _ in range(8):
            link.sendall(HEAD + b"\r\n")
            assert link.recv(4096).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.1)


def test_a_body_that_nobody_reads_is_closed(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is answered before its body ends cannot go on for ever."""
    monkeypatch.setattr(connection, "END_SECONDS", 0.4)
    with _connect(client) as link:
        link.sendall(HEAD + b"Content-Length: 100000000\r\n\r\n")
        assert _seconds_until_closed(link, every=0.1, drip=b"x" * 100) < 2


@pytest.mark.parametrize("name", ["STALL_SECONDS", "ANSWER_SECONDS"])
def test_a_client_that_does_not_read_is_closed(
    client: httpx.Client, record: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Its answer is given up when it keeps the server waiting for long."""
    location = client.post("/v1/reports", json=record(unknown="x" * 9_900_000)).headers["location"]
    monkeypatch.setattr(connection, name, 0.5)
    with _connect(client) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.sendall(f"GET {location} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(1.5)
        received = 0
        try:
            while part := link.recv(2**20):
                received += len(part)
        except ConnectionResetError:
            pass

    assert 0 < received < 9_900_000


def test_a_client_that_reads_slowly_gets_everything(client: httpx.Client, record: Any) -> None:
    """Within the limits a slow client is a client."""
    posted = client.post("/v1/reports", json=record(unknown="x" * 3_000_000))
    with client.stream("GET", posted.headers["location"]) as answer:
        size = 0
        for part in answer.iter_raw(100_000):
            size += len(part)
            time.sleep(0.01)

    assert size == int(answer.headers["content-length"]) > 3_000_000


def test_idle_connections_make_room_for_a_new_one(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections without a request never keep others out: the one that has waited longest is closed."""
    monkeypatch.setattr(connection, "find_most_connections", lambda: 10)
    with ExitStack() as stack:
        links = []
        for _ in range(10):
            links.append(stack.enter_context(_connect(client)))
            links[-1].sendall(HEAD)
            time.sleep(0.02)  # so that one of them is the first
        with _connect(client) as late:
            late.sendall(HEAD + b"Connection: close\r\n\r\n")
            assert late.recv(4096).startswith(b"HTTP/1.1 200 ")
        closed = [link for link in links if _is_closed(link)]
        assert closed == links[:1]
        links[-1].sendall(b"\r\n")
        assert links[-1].recv(4096).startswith(b"HTTP/1.1 200 ")


def test_too_many_busy_connections_are_503(client: httpx.Client, record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If every connection has a request, a new one gets 503, and that answer arrives whole."""
    location = client.post("/v1/reports", json=record(unknown="x" * 9_900_000)).headers["location"]
    client.close()
    monkeypatch.setattr(connection, "find_most_connections", lambda: 3)
    with ExitStack() as stack:
        for _ in range(3):
            link = stack.enter_context(_connect(client))
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            link.sendall(f"GET {location} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        time.sleep(0.5)
        refused = httpx.post(f"{client.base_url}/v1/reports", content=b"x" * 100_000)

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "too many connections" in refused.json()["detail"]


def test_nonsense_within_a_request_is_no_traceback(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    """A body in chunks that are none, before the answer and while it is sent."""
    with _connect(client) as link:
        link.sendall(b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
        _seconds_until_closed(link, every=2)
    with _connect(client) as link:
        link.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        link.recv(4096)
        link.sendall(b"nonsense\r\n")
        _seconds_until_closed(link, every=2)

    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    assert client.get("/livez").status_code == 200


@pytest.mark.parametrize(("limit", "most"), [((256, 256), "160"), ((96, 4096), "320"), ((64, 64), "1")])
def test_descriptors_limit_the_connections(limit: tuple[int, int], most: str) -> None:
    """As many as the system grants, less those that the database and others need."""
    program = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, {limit})\n"
        "from backend.connection import find_most_connections; print(find_most_connections())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == most


def test_the_image_starts_the_api_with_these_limits() -> None:
    """Every target of the Dockerfile does."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    commands = [line for line in text.splitlines() if line.startswith('CMD ["uvicorn"')]

    assert len(commands) == 3
    assert all('"--http", "backend.connection:Connection"' in command for command in commands)


@pytest.mark.services  # a process of its own, with few descriptors
def test_few_descriptors_are_enough(settings: Settings, free_port_of: Any, wait_for: Any, tmp_path: Path) -> None:
    """Three hundred heads that never end and 128 descriptors: the API answers its probe, and its log stays short."""
    port, log = free_port_of(), tmp_path / "api.log"
    command = ["uvicorn", "backend.main:app", "--http", "backend.connection:Connection", "--loop", "uvloop"]
    command += ["--port", str(port)]
    limit = "import resource, runpy; resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128)); "
    run = f"import sys; sys.argv = {command!r}; runpy.run_module('uvicorn', run_name='__main__')"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [sys.executable, "-c", limit + run],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": settings.database_url},
            stdout=out,
            stderr=out,
        ) as server,
        ExitStack() as stack,
    ):
        stack.callback(server.terminate)
        wait_for(port)
        for _ in range(300):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 10)).sendall(HEAD)
        healthy = [health.check_api(str(port)) for _ in range(5)]
        listed = httpx.get(f"http://127.0.0.1:{port}/v1/reports")

    assert healthy == [(True, "api: /livez answered 200")] * 5
    assert listed.status_code == 200
    assert len(re.findall("\n", log.read_text())) < 100
