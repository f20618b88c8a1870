"""A least pace for what a server sends: one that drips must not hold anybody up without end."""

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
"""What must have come in each window: 10 kB/s. A server that is waited for less than a window owes nothing."""


class TooSlow(OSError):
    """Less has come than must."""


class Paced(io.RawIOBase):
    """The raw bytes from a server, all of them, down to the status line and the framing.

    Only the time counts in which we wait: what we do with the bytes may take as long as it likes. As long as each read
    ends in time (a socket's own timeout), a server that is too slow is given up after one window and one such timeout.
    """

    def __init__(self, source: io.RawIOBase) -> None:
        """Begin to measure; closing this closes the source."""
        self._source, self._waited, self._came = source, 0.0, 0

    def readable(self) -> bool:
        """Tell `io.BufferedReader` that it may read."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """Fill the buffer with what is there.

        Raises:
            TooSlow: This window has passed and brought too little.
        """
        begin = time.monotonic()
        count = self._source.readinto(buffer)
        self._waited += time.monotonic() - begin
        self._came += count or 0
        if self._waited >= WINDOW_SECONDS:
            if self._came < WINDOW_BYTES and count:
                raise TooSlow(f"less than {WINDOW_BYTES // 1000} kB came in {WINDOW_SECONDS:g} s")
            self._waited, self._came = 0.0, 0
        return count

    def close(self) -> None:
        """Close the source too."""
        self._source.close()
        super().close()


class _PacedResponse(http.client.HTTPResponse):
    """A response that is given up where it comes too slowly, be it in its headers."""

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
"""What urllib3 is to take its connections from, by schemes."""
