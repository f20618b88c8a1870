"""Large answers count until they are sent, and wait for one another."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from backend import answers
from backend.answers import Answers
from backend.errors import Busy, NotFound

LARGE = b"x" * 400_000


def test_answers_beyond_the_budget_wait_or_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two fit, the third is read again when one is sent; without that it is refused in time. Small ones always fit."""
    monkeypatch.setattr(answers, "ANSWERS_BYTES", 900_000)
    monkeypatch.setattr(answers, "WAIT_SECONDS", 0.3)
    reads = 0

    def read() -> bytes:
        nonlocal reads
        reads += 1
        return LARGE

    async def run() -> tuple[int, ...]:
        loaded = Answers()
        async with AsyncExitStack() as sent:
            first = await sent.enter_async_context(AsyncExitStack())
            for stack in (first, sent):
                assert await loaded.load(read, stack) == LARGE
            with pytest.raises(Busy):
                await loaded.load(read, sent)
            assert await loaded.load(lambda: b"small", sent) == b"small"
            before = reads
            third = asyncio.create_task(loaded.load(read, sent))
            await asyncio.sleep(0.05)
            await first.aclose()
            assert await third == LARGE
        async with AsyncExitStack() as sent:
            for _ in range(2):
                await loaded.load(read, sent)
        return before, reads

    before, after = asyncio.run(run())
    assert (before, after) == (3, 7)


def test_an_error_of_a_read_holds_nothing() -> None:
    """As often as it comes."""

    def fail() -> bytes:
        raise NotFound

    async def run() -> None:
        loaded = Answers()
        async with AsyncExitStack() as sent:
            for _ in range(10):
                with pytest.raises(NotFound):
                    await loaded.load(fail, sent)
            assert await loaded.load(lambda: LARGE, sent) == LARGE

    asyncio.run(run())
