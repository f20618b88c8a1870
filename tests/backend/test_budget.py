"""Bytes are given to who asks, within the budget, and come back."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

import pytest

from backend.budget import MOST_WAITING, ByteBudget
from backend.errors import Busy


def test_what_is_held_comes_back() -> None:
    """Also after an error, and of a size beyond the budget, which takes all of it."""

    async def run() -> list[int]:
        budget, left = ByteBudget(100), []
        async with budget.hold(30, 1):
            left.append(budget.left)
        with suppress(KeyError):
            async with budget.hold(1000, 1):
                left.append(budget.left)
                raise KeyError
        return [*left, budget.left]

    assert asyncio.run(run()) == [70, 0, 100]


def test_who_finds_too_little_waits_for_it() -> None:
    """Until somebody else is done, or the time is over."""

    async def run() -> list[str]:
        budget, events = ByteBudget(100), list[str]()

        async def second() -> None:
            async with budget.hold(60, 5):
                events.append("second")

        async with AsyncExitStack() as stack:
            await stack.enter_async_context(budget.hold(60, 1))
            waiting = asyncio.create_task(second())
            with pytest.raises(Busy):
                await stack.enter_async_context(budget.hold(60, 0.05))
            events.append("first ends")
        await waiting
        return [*events, str(budget.left)]

    assert asyncio.run(run()) == ["first ends", "second", "100"]


def test_only_some_may_wait() -> None:
    """Whoever comes when many wait is refused at once, if there is no room."""

    async def run() -> None:
        budget = ByteBudget(100)

        async def wait() -> None:
            async with budget.hold(90, 5):
                pass

        async with budget.hold(50, 1):
            waiting = [asyncio.create_task(wait()) for _ in range(MOST_WAITING)]
            await asyncio.sleep(0.05)
            async with asyncio.timeout(0.1), budget.hold(20, 5):
                assert budget.left == 30
            with pytest.raises(Busy):
                async with asyncio.timeout(0.1), budget.hold(90, 5):
                    pass
        await asyncio.gather(*waiting)

    asyncio.run(run())
