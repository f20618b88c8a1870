"""Holds answers in memory until they are sent, within a budget of bytes.

What is read from the database is as large as its record. A client that does not read its answer keeps it in memory, so
the sum of all of them has a limit; small answers are exempt, because the number of requests limits them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

from starlette.concurrency import run_in_threadpool

from backend.budget import ByteBudget
from backend.errors import Busy

ANSWERS_BYTES = 48 * 10**6
"""All large answers together. A record has 10 MB at most as it is posted."""
SMALL_BYTES = 2**18
WAIT_SECONDS = 10.0
_READERS = 3
"""While an answer is read from the database it is there twice, and nobody knows its size before."""


class Answers:
    """The answers of one application that are not sent yet."""

    def __init__(self) -> None:
        self._budget = ByteBudget(ANSWERS_BYTES)
        self._readers = asyncio.Semaphore(_READERS)

    @property
    def held_bytes(self) -> int:
        """The bytes of large answers in memory."""
        return self._budget.held

    async def load(self, read: Callable[[], bytes], sent: AsyncExitStack) -> bytes:
        """Return what `read` returns, which runs in a thread, and count it until `sent` is closed.

        If there is no room, it is read again once there is.

        Raises:
            Busy: There was no room in time.
        """
        content = await self._read(read)
        if len(content) <= SMALL_BYTES:
            return content
        size, fits = len(content), len(content) <= self._budget.left
        if not fits:
            del content
        await sent.enter_async_context(self._budget.hold(size, WAIT_SECONDS))
        return content if fits else await self._read(read)

    async def _read(self, read: Callable[[], bytes]) -> bytes:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._readers.acquire()
        except TimeoutError:
            raise Busy from None
        try:
            return await run_in_threadpool(read)
        finally:
            self._readers.release()
