"""Request bodies: limited in size, in time, and in how many large ones are in memory at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

MAX_BODY_BYTES = 10**7
LARGE_BODY_BYTES = 10**5
"""Beyond this a body waits for its turn. A record of `invoke report` stays far below."""
BODY_SECONDS = 30
"""How long a body may take to come, its wait for a turn included."""
_CLOSE = {"Connection": "close"}  # or the server would go on reading what nobody wants


class Bodies:
    """Reads the bodies of one application.

    What a body holds takes some twenty times its size while it is read, so a large one is read and worked on alone.
    A body that waits is not buffered either: the server stops reading from its connection.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[bytearray]:
        """Yield the body, once, and keep its turn until the caller is done with it.

        Raises:
            HTTPException: It is too large (413), too slow (408), or its sender has left.
        """
        body = bytearray()
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    await self._fill(body, request.stream(), turn)
            except TimeoutError:
                raise HTTPException(408, f"The body did not come within {BODY_SECONDS} seconds", _CLOSE) from None
            except ClientDisconnect:
                raise HTTPException(400, "The body did not come whole", _CLOSE) from None  # nobody reads this
            yield body

    async def _fill(self, body: bytearray, stream: AsyncIterator[bytes], turn: AsyncExitStack) -> None:
        """Read what comes, whatever Content-Length says, and never hold more than the limit of it.

        The excess is read and thrown away, as much again at most, so that a client which writes before it reads gets
        the answer and not a broken connection.
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
