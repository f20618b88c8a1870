"""The server's side of a connection: how many there may be, and how long a head, an answer and an end may take.

`uvicorn --http backend.connection:Connection` uses it. uvicorn itself limits none of this: it waits for ever for the
rest of a head and for a client that does not read, and it accepts connections until no descriptor is left.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from backend.chunks import REFUSAL, ChunkLimit
from backend.refusals import MAX_REFUSALS, Refusal, Refusals

HEAD_SECONDS = 10.0
"""How long the head of a request may take, from its first byte on, or from the connection on."""
STALL_SECONDS = 10.0
"""How long a client may take to read so much that the server can write on (at most 320 KiB)."""
ANSWER_SECONDS = 60.0
"""How long a whole answer may take, from when its client first let the server wait."""
END_SECONDS = 10.0
"""How long the rest may take once there is nothing more to do: of an answer, or of a body that nobody reads."""
MAX_CONNECTIONS = 320
"""One may hold some 128 KiB of a body before anybody reads it."""
_KERNEL_BYTES = 2**17
"""What the kernel may keep of a connection in each direction. It would let it grow to megabytes, and they count for a
container's memory, too."""
_OWN_DESCRIPTORS = 64
"""Descriptors that are kept for the database, Redis and the server itself."""


@dataclass(slots=True)
class Counts:
    """The connections of this process."""

    open: int = 0
    refused: int = 0
    """Those beyond the limit, so far."""


counts = Counts()
_refusals = Refusals()
_Limit = Literal["head", "stall", "answer", "end"]


@cache
def find_most_connections() -> int:
    """Raise this process's limit of open files as far as needed and allowed; return how many connections it leaves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + MAX_REFUSALS + _OWN_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, soft - MAX_REFUSALS - _OWN_DESCRIPTORS))


class Connection(H11Protocol):
    """uvicorn's protocol with limits. Whatever exceeds one of them is closed, without waiting for its client."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.conn: ChunkLimit = ChunkLimit(self.config.h11_max_incomplete_event_size)
        self._timers: dict[_Limit, asyncio.TimerHandle] = {}
        self._refusal: Refusal | None = None
        self._has_begun = False
        self._since = time.monotonic()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base
        """Make room for the new connection, or refuse it."""
        super().connection_made(transport)
        counts.open += 1
        self._since = time.monotonic()
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self._set_option(option, _KERNEL_BYTES)
        self._limit("head", HEAD_SECONDS)
        if len(self.connections) - len(_refusals) > find_most_connections() and not self._close_longest_waiting():
            self._refuse()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the limits."""
        counts.open -= 1
        if self._refusal:
            _refusals.forget(self._refusal)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Handle what came, and limit the rest of an incomplete head."""
        if self._refusal:
            self._refusal.receive(data)
            return
        self._has_begun = True
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._lift("end")
            self._limit("head", HEAD_SECONDS)
        else:
            self._lift("head")

    def pause_writing(self) -> None:
        """Limit how long the client may let us wait."""
        super().pause_writing()
        self._limit("stall", STALL_SECONDS)
        self._limit("answer", ANSWER_SECONDS)

    def resume_writing(self) -> None:
        """Go on, within the limit of the whole answer."""
        self._lift("stall")
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Wait for the next request, unless this one has not ended: nobody reads the rest of its body."""
        self._lift("answer")
        self._since = time.monotonic()
        super().on_response_complete()
        if self.transport.is_closing() or self.conn.their_state is h11.SEND_BODY:
            self._limit("end", END_SECONDS)

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no HTTP, if an answer is still possible."""
        if (cycle := self._find_cycle()) and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            super().send_400_response(REFUSAL if self.conn.is_exceeded else msg)
            self._limit("end", END_SECONDS)
        else:
            self._abort()

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, even if its client has not read the last answer."""
        super().timeout_keep_alive_handler()
        self._limit("end", END_SECONDS)

    def shutdown(self) -> None:
        """End with the server."""
        super().shutdown()
        if self.transport.is_closing():
            self._limit("end", END_SECONDS)

    @property
    def is_waiting(self) -> bool:
        """Whether no request of this connection is being answered."""
        cycle = self._find_cycle()
        return not self.transport.is_closing() and (cycle is None or cycle.response_complete)

    def _find_cycle(self) -> RequestResponseCycle | None:
        """Return the last request and its answer; None before the first one, which uvicorn's own type leaves out."""
        return cast("RequestResponseCycle | None", self.cycle)

    def _close_longest_waiting(self) -> bool:
        """Close the other connection that has waited longest for a request; return whether there was one.

        If it has sent nothing yet, its first request may be on its way, and it gets an answer.
        """
        others = cast("set[Connection]", self.connections) - {self}
        waiting = [other for other in others if other.is_waiting and not other._refusal]  # noqa: SLF001 - our own
        if not waiting:
            return False
        longest = min(waiting, key=lambda other: other._since)  # noqa: SLF001 - our own
        if longest._has_begun:  # noqa: SLF001 - likewise
            longest._abort()  # noqa: SLF001 - likewise
        else:
            longest._refuse()  # noqa: SLF001 - likewise
        return True

    def _refuse(self) -> None:
        """Give the connection's place to others. From now on it only gets an answer."""
        counts.refused += 1
        self._lift("head")
        self._refusal = _refusals.add(self.transport, self.loop)

    def _abort(self) -> None:
        """Close the connection now, and let the kernel forget what its client has not read."""
        self._set_option(socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _set_option(self, option: int, value: int | bytes) -> None:
        with suppress(OSError):  # its client may have left
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, option, value)

    def _limit(self, name: _Limit, seconds: float) -> None:
        """Close the connection after this time, unless the limit is lifted before. A limit that runs goes on."""
        if name not in self._timers:
            self._timers[name] = self.loop.call_later(seconds, self._abort)

    def _lift(self, name: _Limit) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()
