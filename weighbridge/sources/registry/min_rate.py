"""Gives up on a server that sends too slowly, so that it cannot keep the program waiting without end."""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any

import urllib3
import urllib3.connection

WINDOW_SECONDS = 60.0
WINDOW_BYTES = 600_000
"""What a server must send in each window: 10 kB/s. The rule does not apply to a wait shorter than one window."""


class TooSlow(OSError):
    """A server sent less than the minimum in a window."""


class Paced(io.RawIOBase):
    """All raw bytes from a server, the status line and the framing included.

    Only time spent waiting for the server counts, not time spent on its bytes. Each read must end in time (a socket's
    own timeout); then a server that is too slow is given up after at most one window and one such timeout.
    """

    def __init__(self, source: io.RawIOBase) -> None:
        """Begin to measure. Closing this also closes the source."""
        self._source, self._waited, self._came = source, 0.0, 0

    def readable(self) -> bool:
        """Tell `io.BufferedReader` that it may read."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """Read what the source has into the buffer.

        Raises:
            TooSlow: The window has ended, and the server sent too little in it.
        """
        begin = time.monotonic()
        count = self._source.readinto(buffer)
        self._waited += time.monotonic() - begin
        self._came += count or 0
        if self._waited >= WINDOW_SECONDS:
            if self._came < WINDOW_BYTES and count:
                raise TooSlow(f"the server sent less than {WINDOW_BYTES // 1000} kB in {WINDOW_SECONDS:g} s")
            self._waited, self._came = 0.0, 0
        return count

    def close(self) -> None:
        """Close this and the source."""
        self._source.close()
        super().close()


class _PacedResponse(http.client.HTTPResponse):
    """A response whose headers and body must both arrive at the minimum rate."""

    def __init__(self, sock: socket.socket, *arguments: Any, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp = io.BufferedReader(Paced(self.fp.detach()))


class _HttpConnection(urllib3.connection.HTTPConnection):
    response_class = _PacedResponse


class _HttpsConnection(urllib3.connection.HTTPSConnection):
    response_class = _PacedResponse


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


POOLS = {"http": _HttpPool, "https": _HttpsPool}
"""URL scheme -> the pool from which urllib3 takes its connections."""
