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
        self._waiting = set[asyncio.Future[None]]()

    @property
    def held(self) -> int:
        """How many bytes are in memory now."""
        return self._most - self.left

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
        try:
            async with asyncio.timeout(seconds):
                while wanted > self.left:
                    await self._wait()
        except TimeoutError:
            raise Busy from None
        self.left -= wanted
        try:
            yield
        finally:
            self.left += wanted
            for change in self._waiting:
                if not change.done():
                    change.set_result(None)

    async def _wait(self) -> None:
        """Wait until somebody gives bytes back."""
        if len(self._waiting) >= MOST_WAITING:
            raise Busy
        change = asyncio.get_running_loop().create_future()
        self._waiting.add(change)
        try:
            await change
        finally:
            self._waiting.discard(change)
