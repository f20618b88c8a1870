"""Bodies arrive within limits of time and bytes, over a real server; their size is in test_api.py."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from backend import bodies
from backend.settings import Settings


@pytest.fixture
def client(serving: Any, settings: Settings) -> Iterator[httpx.Client]:
    """Yield a client of a service of its own, because each test fills its budget."""
    with serving(settings) as client:
        yield client


@contextmanager
def sending(client: httpx.Client, length: int, sent: int) -> Iterator[socket.socket]:
    """Send the head of a report and a part of its body, and no more."""
    head = f"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), 10) as connection:
        connection.sendall(head + b" " * sent)
        yield connection


def _large(record: Any, name: str) -> bytes:
    return json.dumps(record(commit=name, unknown="x" * 200_000)).encode()


def _post(client: httpx.Client, body: bytes) -> tuple[int, float]:
    started = time.monotonic()
    answer = client.post("/v1/reports", content=body)
    return answer.status_code, time.monotonic() - started


def test_a_slow_upload_does_not_block_others(client: httpx.Client, record: Any) -> None:
    """While a large body pauses, other large bodies are stored at once."""
    with sending(client, 900_000, 500_000):
        time.sleep(0.2)
        status, seconds = _post(client, _large(record, "other"))

    assert status == 201
    assert seconds < 2


def test_a_body_that_pauses_ends(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small or large, it has so long and no longer for its next part."""
    monkeypatch.setattr(bodies, "STALL_SECONDS", 0.3)
    for length, sent in ((100, 50), (900_000, 500_000)):
        with sending(client, length, sent) as connection:
            answer = connection.recv(2000)
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_body_that_trickles_ends(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then is no excuse: the rate counts."""
    monkeypatch.setattr(bodies, "STALL_SECONDS", 0.4)
    started = time.monotonic()
    with sending(client, 1000, 10) as connection:
        connection.settimeout(0.1)
        answer = b""
        while not answer and time.monotonic() < started + 5:
            connection.sendall(b" ")
            try:
                answer = connection.recv(2000)
            except TimeoutError:
                continue

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - started < 2


def test_a_body_has_a_longest_time(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """However steadily it comes."""
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.3)
    with sending(client, 900_000, 500_000) as connection:
        answer = connection.recv(2000)

    assert answer.startswith(b"HTTP/1.1 408 ")


def test_what_chunks_announce_does_not_count(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, record: Any
) -> None:
    """The server goes by the chunks, so a Content-Length beside them must not make room for more bodies."""
    monkeypatch.setattr(bodies, "WAIT_SECONDS", 0.3)
    head = b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(3):
            link = stack.enter_context(socket.create_connection((client.base_url.host, client.base_url.port or 80), 10))
            link.sendall(head + b"7a120\r\n" + b" " * 500_000)
        time.sleep(0.2)
        refused, _ = _post(client, _large(record, "large"))

    assert refused == 503


def test_too_many_bytes_of_bodies_are_503(client: httpx.Client, record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the budget another large body gets 503; a small one is stored; then there is room again."""
    monkeypatch.setattr(bodies, "WAIT_SECONDS", 0.3)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(sending(client, bodies.MAX_BODY_BYTES, 500_000))
        time.sleep(0.2)
        refused = client.post("/v1/reports", content=_large(record, "large"))
        small, _ = _post(client, json.dumps(record(commit="small")).encode())
    time.sleep(0.2)
    later, _ = _post(client, _large(record, "large"))

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert (small, later) == (201, 201)
