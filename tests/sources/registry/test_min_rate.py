"""The least pace that a server must keep."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest

from weighbridge.sources.registry import min_rate
from weighbridge.sources.registry.min_rate import Paced, TooSlow

pytestmark = pytest.mark.slow


class Server(io.RawIOBase):
    """Sends pieces of some bytes, each after some seconds."""

    def __init__(self, *pieces: tuple[float, int]) -> None:
        self._pieces = list(pieces)

    def readinto(self, _buffer: Any, /) -> int:
        """Send the next piece."""
        if not self._pieces:
            return 0
        seconds, size = self._pieces.pop(0)
        time.sleep(seconds)
        return size


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a window be short."""
    monkeypatch.setattr(min_rate, "WINDOW_SECONDS", 0.1)
    monkeypatch.setattr(min_rate, "WINDOW_BYTES", 1000)


def read(*pieces: tuple[float, int]) -> int:
    """Read all that a server sends, in so many bytes."""
    stream, buffer, total = Paced(Server(*pieces)), bytearray(4096), 0
    while count := stream.readinto(buffer):
        total += count
    return total


def test_server_that_keeps_the_pace() -> None:
    """Who sends enough in each window may take as many windows as there are."""
    assert read(*[(0.03, 400)] * 12) == 4800


def test_server_that_is_done_before_a_window_is_over() -> None:
    """A short answer owes nothing, nor does the end of a long one."""
    assert read((0.08, 10)) == 10
    assert read((0.06, 900), (0.06, 900), (0.06, 10)) == 1810
    assert read((0.06, 10), (0.06, 0)) == 10


def test_server_that_drips() -> None:
    """Who sends too little in a window is given up, also after a good begin."""
    with pytest.raises(TooSlow, match=r"the server sent less than 1 kB in 0\.1 s"):
        read(*[(0.03, 10)] * 9)
    with pytest.raises(TooSlow):
        read((0.01, 10**9), (0.1, 100), *[(0.03, 10)] * 9)


def test_closing_closes_the_source() -> None:
    """Nothing is left open."""
    server = Server()
    Paced(server).close()
    assert server.closed
