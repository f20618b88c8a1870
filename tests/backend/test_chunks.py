"""A body may come in chunks, but not in crumbs."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from typing import Any

import h11
import pytest

from backend import chunks
from backend.settings import Settings

HEAD = b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def _count(parser: chunks.ChunkLimit, data: bytes) -> int:
    """Return how many chunks are read of a body, before it ends or is refused."""
    found = 0
    with suppress(h11.RemoteProtocolError):
        parser.receive_data(data)
        while not isinstance(event := parser.next_event(), h11.EndOfMessage) and event is not h11.NEED_DATA:
            found += isinstance(event, h11.Data)
    return found


@pytest.mark.parametrize(("size", "read"), [(1, 1001), (100, 1111), (999, 12_000), (10_000, 12_000)])
def test_chunks_are_counted_by_their_bytes(size: int, read: int) -> None:
    """A thousand are free, and each further one needs a thousand bytes of the body."""
    parser = chunks.ChunkLimit()
    chunk = b"%x\r\n" % size + b"x" * size + b"\r\n"

    assert _count(parser, HEAD + chunk * 12_000 + b"0\r\n\r\n") == read
    assert parser.is_exceeded is (read < 12_000)


def test_a_chunk_that_comes_in_pieces_is_one() -> None:
    """How the network cuts a body is not its sender's fault."""
    parser = chunks.ChunkLimit()
    _count(parser, HEAD + b"1388\r\n")
    for _ in range(5000):
        parser.receive_data(b"x")
        assert isinstance(parser.next_event(), h11.Data)
    assert not parser.is_exceeded


def test_each_request_of_a_connection_counts_for_itself() -> None:
    """A client that reuses its connection loses nothing by that."""
    parser = chunks.ChunkLimit()
    for _ in range(3):
        assert _count(parser, HEAD + b"1\r\nx\r\n" * 800 + b"0\r\n\r\n") == 800
        parser.send(h11.Response(status_code=204, headers=[]))
        parser.send(h11.EndOfMessage())
        parser.start_next_cycle()


@pytest.mark.parametrize("path", ["/v1/reports", "/livez"])
def test_the_server_refuses_crumbs_and_says_why(serving: Any, settings: Settings, path: str) -> None:
    """Also where nobody wants the body: it would be parsed all the same, and meanwhile nobody else be answered."""
    with serving(settings) as client, socket.create_connection((client.base_url.host, client.base_url.port)) as link:
        link.settimeout(10)
        link.sendall(HEAD.replace(b"/v1/reports", path.encode()))
        began = time.monotonic()
        with suppress(OSError):
            while time.monotonic() < began + 8:
                link.sendall(b"1\r\n \r\n" * 10_000)
        took = time.monotonic() - began
        with suppress(OSError):
            answer = link.recv(4096)
            assert path == "/livez" or (answer.startswith(b"HTTP/1.1 400 ") and chunks.REFUSAL.encode() in answer)

    assert took < 4


def test_a_record_in_chunks_is_stored(serving: Any, settings: Settings, record: Any) -> None:
    """As a client sends it that does not know its length beforehand."""
    body = json.dumps(record(unknown="x" * 3_000_000)).encode()
    with serving(settings) as client:
        parts = (body[start : start + 2000] for start in range(0, len(body), 2000))
        assert client.post("/v1/reports", content=parts).status_code == 201
