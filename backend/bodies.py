"""Reads request bodies, with limits on their size, their time, and the number of large ones in memory at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

MAX_BODY_BYTES = 10**7
LARGE_BODY_BYTES = 10**5
"""A larger body waits for its turn. A record of `invoke report` is much smaller."""
BODY_SECONDS = 30
"""How long a body may take to arrive, including its wait for a turn."""
_CLOSE = {"Connection": "close"}  # otherwise the server would read the rest of the body in vain


class Bodies:
    """Reads the bodies of one application.

    A body needs some twenty times its size while it is parsed, so only one large body is read and processed at a time.
    A body that waits is not buffered either: the server stops reading from its connection.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytearray]:
        """Yield the body, once, and keep its turn until the caller is done with it.

        Raises:
            HTTPException: The body is too large (413) or too slow (408), or its sender has left (400).
        """
        body = bytearray()
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    await self._fill(body, request.stream(), turn)
            except TimeoutError:
                raise HTTPException(408, f"The body did not arrive within {BODY_SECONDS} seconds", _CLOSE) from None
            except ClientDisconnect:  # so nobody reads this answer
                raise HTTPException(400, "The body did not arrive completely", _CLOSE) from None
            yield body

    async def _fill(self, body: bytearray, stream: AsyncIterator[bytes], turn: AsyncExitStack) -> None:
        """Read the body, whatever Content-Length says, and never hold more of it than the limit.

        An excess up to the same size is read and discarded, so that a client that writes everything before it reads
        gets the answer instead of a broken connection.
        """
        size, alone = 0, False
        async for chunk in stream:
            size += len(chunk)
            if size > LARGE_BODY_BYTES and not alone:
                await turn.enter_async_context(self._turn)
                alone = True
            if size <= MAX_BODY_BYTES:
                body += chunk
            elif size > 2 * MAX_BODY_BYTES:
                break
        if size > MAX_BODY_BYTES:
            raise HTTPException(413, f"The body is larger than {MAX_BODY_BYTES} bytes", _CLOSE)
