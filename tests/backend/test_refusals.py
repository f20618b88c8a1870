"""Connections beyond the limit get an answer, whatever their clients do, and few of them are open at a time."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend import connection, health, refusals
from backend.response_headers import EVERYWHERE
from backend.settings import Settings
from tests.backend.conftest import ROOT
from tests.support.floods import flood

LIST = b"GET /v1/reports HTTP/1.1\r\nHost: x\r\n\r\n"
LIVE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
MANY = 1000


@pytest.fixture
def full(serving: Any, settings: Settings, record: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """Yield a client of a service all of whose two connections have a request, by clients that do not read."""
    with serving(settings) as client, ExitStack() as stack:
        location = client.post("/v1/reports", json=record(unknown="x" * 9_900_000)).headers["location"]
        client.close()
        monkeypatch.setattr(connection, "find_most_connections", lambda: 2)
        _occupy(stack, client.base_url.port or 80, location, 2)
        yield client


def _occupy(stack: ExitStack, port: int, location: str, count: int) -> None:
    """Ask for a large answer on so many connections, and do not read it."""
    for _ in range(count):
        link = stack.enter_context(socket.socket())
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect(("127.0.0.1", port))
        link.sendall(f"GET {location} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    time.sleep(0.5)


def _connect(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 80), 10)


def _read_all(link: socket.socket) -> bytes:
    text = b""
    while part := link.recv(4096):
        text += part
    return text


def test_a_refusal_is_an_answer_like_others(full: httpx.Client) -> None:
    """503 with the detail as JSON, when to come again, and the headers that every answer has."""
    answer = httpx.get(f"{full.base_url}/v1/reports")

    assert (answer.status_code, answer.headers["retry-after"], answer.headers["connection"]) == (503, "5", "close")
    assert answer.headers["content-type"] == "application/json"
    assert "too many connections" in answer.json()["detail"]
    assert {name: answer.headers[name] for name in EVERYWHERE} == EVERYWHERE


def test_a_full_service_is_alive(full: httpx.Client) -> None:
    """Who only asks whether it lives gets the answer of every day; readiness is another thing."""
    alive, ready = httpx.get(f"{full.base_url}/livez"), httpx.get(f"{full.base_url}/readyz")

    assert (alive.status_code, alive.json()) == (200, {"alive": True})
    assert health.check_api(str(full.base_url.port))[0]
    assert ready.status_code == 503


def test_a_client_that_says_nothing_is_answered_and_closed(full: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a moment each; also if it never closes."""
    monkeypatch.setattr(refusals, "REFUSAL_SECONDS", 0.3)
    with _connect(full) as link:
        started = time.monotonic()
        text = _read_all(link)
        answered = time.monotonic() - started
        time.sleep(0.5)
        link.sendall(LIST)  # its refusal comes after it
        time.sleep(0.1)
        with pytest.raises(BrokenPipeError):
            link.sendall(LIST)

    assert text.startswith(b"HTTP/1.1 503 ")
    assert 0.2 < answered < 2


def test_the_oldest_refusal_makes_room(full: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is answered before its time, so that few are open, and no client is without an answer."""
    monkeypatch.setattr(refusals, "REFUSAL_SECONDS", 30)
    monkeypatch.setattr(refusals, "MAX_REFUSALS", 3)
    before = connection.counts.open
    with ExitStack() as stack:
        links = [stack.enter_context(_connect(full)) for _ in range(10)]
        time.sleep(0.3)
        held = connection.counts.open - before
        texts = [_read_all(link) for link in links[:7]]
        for link in links[7:]:
            link.sendall(LIST)
            texts.append(_read_all(link))

    assert held == 3
    assert {text[:12] for text in texts} == {b"HTTP/1.1 503"}


def test_one_that_has_not_begun_is_answered_when_it_has_to_go(
    serving: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its request may be on its way. One that is idle after a request is just closed, for its client knows that."""
    monkeypatch.setattr(connection, "find_most_connections", lambda: 2)
    with serving(settings) as client, ExitStack() as stack:
        time.sleep(0.2)  # whoever looked for the port has left
        fresh, second, third = (stack.enter_context(_connect(client)) for _ in range(3))
        time.sleep(0.1)  # the service knows all three
        fresh.sendall(LIST)
        refused = _read_all(fresh)
        second.sendall(LIVE)
        assert second.recv(4096).startswith(b"HTTP/1.1 200 ")
        third.sendall(LIVE)
        assert third.recv(4096).startswith(b"HTTP/1.1 200 ")
        late = stack.enter_context(_connect(client))
        late.sendall(LIVE)
        assert late.recv(4096).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(ConnectionResetError):
            second.recv(4096)

    assert refused.startswith(b"HTTP/1.1 503 ")


@dataclass
class Api:
    """A process of its own, and what was seen of it meanwhile."""

    process: subprocess.Popen[bytes]
    port: int
    probes: Counter[str] = field(default_factory=Counter)
    most_files: int = 0

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Ask for its probe all the time."""
        stop = threading.Event()

        def look() -> None:
            while not stop.is_set():
                self.probes[health.check_api(str(self.port))[1]] += 1
                self.most_files = max(self.most_files, len(list(Path(f"/proc/{self.process.pid}/fd").iterdir())))

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@pytest.fixture
def api(
    settings: Settings, free_port_of: Callable[[], int], wait_for: Any, tmp_path: Path, request: Any
) -> Iterator[Api]:
    """Run the API as the image does, with so many descriptors as the test says."""
    port, files = free_port_of(), request.param
    command = ["uvicorn", "backend.main:app", "--http", "backend.connection:Connection", "--loop", "uvloop"]
    command += ["--port", str(port)]
    limit = f"import resource, runpy; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files})); "
    run = f"import sys; sys.argv = {command!r}; runpy.run_module('uvicorn', run_name='__main__')"
    env = os.environ | {"DATABASE_URL": settings.database_url}
    with (
        (tmp_path / "api.log").open("wb") as out,
        subprocess.Popen([sys.executable, "-c", limit + run], cwd=ROOT, env=env, stdout=out, stderr=out) as process,
    ):
        try:
            wait_for(port)
            yield Api(process, port)
        finally:
            process.terminate()


@pytest.mark.services  # a process of its own
@pytest.mark.parametrize("connect_first", [False, True])
@pytest.mark.parametrize(("api", "most"), [(128, 32), (4096, 320)], indirect=["api"])
def test_a_thousand_clients_at_once_are_all_answered(
    api: Api, most: int, record: Any, tmp_path: Path, *, connect_first: bool
) -> None:
    """Busy as it is, with few descriptors too: 200 or 503 for (nearly) each of them, and 200 for the probe."""
    posted = httpx.post(
        f"http://127.0.0.1:{api.port}/v1/reports", json=record(unknown="x" * 9_900_000), timeout=60
    ).headers["location"]
    with ExitStack() as stack:
        _occupy(stack, api.port, posted, most)
        with api.watched():
            told = flood(api.port, MANY, LIST, connect_first=connect_first)
    listed = httpx.get(f"http://127.0.0.1:{api.port}/metrics", timeout=20).text

    assert told["200"] + told["503"] > 0.99 * MANY, told
    assert told["503"] > MANY // 10, told
    assert api.probes["api: /livez answered 200"] > 0.9 * api.probes.total() > 0, api.probes
    assert api.most_files < most + refusals.MAX_REFUSALS + 64
    assert (refused := re.search(r"^weighbridge_refused_connections_total (\S+)", listed, re.MULTILINE))
    assert float(refused[1]) > MANY // 10
    assert not re.search("Traceback|Too many open files", (tmp_path / "api.log").read_text())
