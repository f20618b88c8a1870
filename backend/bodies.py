"""Reads request bodies, with limits on their size, their time, and the bytes of large ones in memory at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from backend.budget import ByteBudget
from backend.errors import Busy

MAX_BODY_BYTES = 10**7
LARGE_BODY_BYTES = 10**5
"""A larger body counts in the budget, and waits for its turn. A record of `invoke report` is much smaller."""
BODIES_BYTES = 3 * MAX_BODY_BYTES
"""All large bodies together, by the length that they announce."""
BODY_SECONDS = 30
"""How long a body may take to arrive."""
STALL_SECONDS = 5
"""How long a body may pause, so that a few senders that say nothing more do not use up the budget for long."""
LEAST_RATE = 10**5
"""Bytes a second that a large body must have had on average, from `STALL_SECONDS` on."""
WAIT_SECONDS = 10
"""How long a large body waits for room in the budget."""
TURN_SECONDS = 30
"""How long a large body that is here waits for its turn."""
_CLOSE = {"Connection": "close"}  # otherwise the server would read the rest of the body in vain


class Bodies:
    """Reads the bodies of one application.

    A body needs some twenty times its size while it is parsed, so only one large body is processed at a time; a few
    others may arrive meanwhile. One that finds no room is not buffered: the server stops reading from its connection.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self._budget = ByteBudget(BODIES_BYTES)

    @property
    def held_bytes(self) -> int:
        """The bytes of large bodies in memory, as they were announced."""
        return self._budget.held

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytearray]:
        """Yield the body, once, and keep its turn until the caller is done with it.

        Raises:
            Busy: There was no room for the body in time, or no turn.
            HTTPException: The body is too large (413) or too slow (408), or its sender has left (400).
        """
        body = bytearray()
        async with AsyncExitStack() as held:
            try:
                await self._fill(body, request, held)
            except TimeoutError:
                raise HTTPException(
                    408, f"The body came too slowly: it has {BODY_SECONDS} seconds, and may not pause", _CLOSE
                ) from None
            except ClientDisconnect:  # so nobody reads this answer
                raise HTTPException(400, "The body did not arrive completely", _CLOSE) from None
            if len(body) > LARGE_BODY_BYTES:
                await held.enter_async_context(self._take_turn())
            yield body

    async def _fill(self, body: bytearray, request: Request, held: AsyncExitStack) -> None:
        """Read the body, whatever Content-Length says, and never hold more of it than the limit.

        An excess up to the same size is read and discarded, so that a client that writes everything before it reads
        gets the answer instead of a broken connection.
        """
        size, is_counted = 0, False
        pace = _Pace()
        chunks = aiter(request.stream())
        while True:
            async with asyncio.timeout_at(pace.find_deadline(size)):
                chunk = await anext(chunks, None)
            if chunk is None:
                break
            size += len(chunk)
            pace.note()
            if size > LARGE_BODY_BYTES and not is_counted:
                is_counted = True
                await held.enter_async_context(self._budget.hold(_announced(request), WAIT_SECONDS))
                pace.restart()
            if size <= MAX_BODY_BYTES:
                body += chunk
            elif size > 2 * MAX_BODY_BYTES:
                break
        if size > MAX_BODY_BYTES:
            raise HTTPException(413, f"The body is larger than {MAX_BODY_BYTES} bytes", _CLOSE)

    @asynccontextmanager
    async def _take_turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            raise Busy from None
        try:
            yield
        finally:
            self._turn.release()


class _Pace:
    """When the next part of a body must be here."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Start again: the wait was ours."""
        self._started = self._last = asyncio.get_running_loop().time()

    def note(self) -> None:
        """Note that a part is here."""
        self._last = asyncio.get_running_loop().time()

    def find_deadline(self, size: int) -> float:
        """Return the moment that ends the wait, in the loop's time, after `size` bytes."""
        by_rate = self._started + STALL_SECONDS + size / LEAST_RATE
        return min(self._started + BODY_SECONDS, self._last + STALL_SECONDS, by_rate)


def _announced(request: Request) -> int:
    """Return how many bytes to count for a body: what it announces, or the most that there may be.

    One that comes in chunks announces nothing: where it has a Content-Length as well, the server goes by the chunks.
    """
    length = request.headers.get("content-length", "")
    if "transfer-encoding" in request.headers or not length.isdecimal() or len(length) >= 20:  # noqa: PLR2004 - digits
        return MAX_BODY_BYTES
    return min(int(length), MAX_BODY_BYTES)
