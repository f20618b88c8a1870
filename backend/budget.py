"""A budget of bytes that requests share: who finds too little left waits, for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backend.errors import Busy

MOST_WAITING = 16
"""Who waits keeps others from being answered: `admission.MAX_REQUESTS` counts them, too."""


class ByteBudget:
    """So many bytes that may be in memory at once, for one purpose."""

    def __init__(self, most: int) -> None:
        self.left = most
        self._most = most
        self._waiting = 0
        self._change = asyncio.Condition()

    @asynccontextmanager
    async def hold(self, size: int, seconds: float) -> AsyncIterator[None]:
        """Hold so many bytes. A size beyond the whole budget needs all of it.

        Args:
            size: How many bytes.
            seconds: How long to wait for them.

        Raises:
            Busy: They were not free in time, or too many wait already.
        """
        wanted = min(size, self._most)
        if wanted > self.left and self._waiting >= MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds), self._change:
                await self._change.wait_for(lambda: wanted <= self.left)
                self.left -= wanted
        except TimeoutError:
            raise Busy from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self.left += wanted
            async with self._change:
                self._change.notify_all()
