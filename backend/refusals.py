"""Answers connections beyond the limit: with a constant text, at once, and few at a time.

A refused connection is answered when its request begins, or after a moment. Then it is open for a moment more, because
what a client sends to a closed connection may destroy the answer. If many come, the oldest of them has to go earlier.
"""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress

REFUSAL_SECONDS = 1.0
"""How long we wait for a request, and after the answer for its client to close."""
MAX_REFUSALS = 32
"""So many are open at once."""
_DETAIL = json.dumps({"detail": "The service has too many connections. Try again later."}).encode()
_ALIVE = json.dumps({"alive": True}, separators=(",", ":")).encode()
_FORM = (
    b"HTTP/1.1 %b\r\nConnection: close\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
    b"X-Content-Type-Options: nosniff\r\nContent-Length: %d\r\n\r\n%b"
)
_REFUSED = _FORM % (b"503 Service Unavailable\r\nRetry-After: 5", len(_DETAIL), _DETAIL)
_LIVE = _FORM % (b"200 OK", len(_ALIVE), _ALIVE)
_LIVE_REQUEST = b"GET /livez HTTP/"
"""Who asks whether the service works must not be told that it is busy."""


class Refusals:
    """The refused connections of this process that are still open."""

    def __init__(self) -> None:
        self._open: dict[Refusal, None] = {}  # oldest first

    def __len__(self) -> int:
        return len(self._open)

    def add(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> Refusal:
        """Refuse a connection, and close the oldest one if there are too many."""
        lingering = [other for other in self._open if not other.transport.is_closing()]
        if len(lingering) >= MAX_REFUSALS:
            lingering[0].close()
        refusal = Refusal(transport, loop)
        self._open[refusal] = None
        return refusal

    def forget(self, refusal: Refusal) -> None:
        """Count a connection no longer that is closed now."""
        refusal.stop()
        self._open.pop(refusal, None)


class Refusal:
    """One refused connection."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport = transport
        self._loop = loop
        self._is_answered = False
        # Of a client that acknowledges nothing, the kernel keeps the answer no longer, either.
        with suppress(OSError):  # its client may have left
            link = transport.get_extra_info("socket")
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * REFUSAL_SECONDS))
        self._timer = loop.call_later(REFUSAL_SECONDS, self._go_on)

    def receive(self, data: bytes) -> None:
        """Answer the request whose first bytes these are; nobody reads the rest."""
        if not self._is_answered:
            self._answer(_LIVE if data.startswith(_LIVE_REQUEST) else _REFUSED)

    def close(self) -> None:
        """Close the connection now, but not without an answer."""
        self.stop()
        if not self._is_answered:
            self._answer(_REFUSED)
        self.transport.close()

    def stop(self) -> None:
        """Wait for nothing more."""
        self._timer.cancel()

    def _go_on(self) -> None:
        if self._is_answered:
            self.close()
        else:
            self._answer(_REFUSED)

    def _answer(self, text: bytes) -> None:
        """Write an answer, which is the end of what we send. A full end could destroy it."""
        self._is_answered = True
        self.stop()
        if self.transport.is_closing():  # its client was faster
            return
        self._timer = self._loop.call_later(REFUSAL_SECONDS, self._go_on)
        self.transport.write(text)
        if self.transport.can_write_eof():
            self.transport.write_eof()
