"""Holds answers in memory until they are sent, within a budget of bytes.

A client that does not read its answer keeps it in memory, so the sum of all of them has a limit; small answers are
exempt, because the number of requests limits them. Of a large value in the database, each answer holds two slices:
one that the client does not take, and the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from backend.budget import ByteBudget
from backend.errors import Busy
from backend.large_values import LargeValue

ANSWERS_BYTES = 32 * 10**6
"""All large answers together that are in memory as a whole. A list of reports may have some megabytes."""
SLICE_BYTES = 2**18
SLICED_BYTES = 2**24
"""All slices together: half as many answers as there may be requests, so that slow clients leave room for others."""
SMALL_BYTES = 2**18
WAIT_SECONDS = 10.0
_READERS = 3
"""While an answer is read from the database it is there twice, and nobody knows its size before."""
_Read = TypeVar("_Read")


class Answers:
    """The answers of one application that are not sent yet."""

    def __init__(self) -> None:
        self._budget = ByteBudget(ANSWERS_BYTES)
        self._slices = ByteBudget(SLICED_BYTES)
        self._readers = asyncio.Semaphore(_READERS)

    @property
    def held_bytes(self) -> int:
        """The bytes of large answers in memory."""
        return self._budget.held + self._slices.held

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

    async def begin(self, value: LargeValue, sent: AsyncExitStack) -> AsyncIterator[bytes]:
        """Return an iterator over the slices of a value, of which the first is read now. It counts until `sent` closes.

        Raises:
            Busy: There was no room in time.
            NotFound: The value was deleted. The iterator may raise that, too, and `Unavailable`.
        """
        if value.size > SLICE_BYTES:
            await sent.enter_async_context(self._slices.hold(2 * SLICE_BYTES, WAIT_SECONDS))
        return self._iterate(await self._read(partial(value.read, 0, SLICE_BYTES)), value)

    async def _iterate(self, part: bytes, value: LargeValue) -> AsyncIterator[bytes]:
        yield part
        for start in range(SLICE_BYTES, value.size, SLICE_BYTES):
            part = await self._read(partial(value.read, start, SLICE_BYTES))
            yield part

    async def _read(self, read: Callable[[], _Read]) -> _Read:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._readers.acquire()
        except TimeoutError:
            raise Busy from None
        try:
            return await run_in_threadpool(read)
        finally:
            self._readers.release()
