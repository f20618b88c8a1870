"""A limited number of requests is answered at once, over a real server; probes are always."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import Any

import pytest

from backend import admission
from backend.settings import Settings


def test_requests_beyond_the_limit_wait_and_are_then_503(
    serving: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While two bodies arrive slowly there is no place for a third request; afterwards there is."""
    monkeypatch.setattr(admission, "MAX_REQUESTS", 2)
    monkeypatch.setattr(admission, "WAIT_SECONDS", 0.3)
    with serving(settings) as client:
        with ExitStack() as stack:
            for _ in range(2):
                link = stack.enter_context(socket.create_connection((client.base_url.host, client.base_url.port), 10))
                link.sendall(b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            time.sleep(0.2)
            started = time.monotonic()
            refused = client.get("/v1/reports")
            seconds = time.monotonic() - started
            alive, ready = client.get("/livez"), client.get("/readyz")
            monkeypatch.setattr(admission, "WAIT_SECONDS", 5)
        time.sleep(0.1)
        accepted = client.get("/v1/reports")

    assert (refused.status_code, refused.headers["retry-after"], list(refused.json())) == (503, "5", ["detail"])
    assert seconds >= 0.3
    assert (alive.status_code, ready.json()["checks"]["database"]) == (200, "ok")
    assert accepted.status_code == 200
