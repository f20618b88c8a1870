"""Large answers count until they are sent, and wait for one another."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from backend import answers
from backend.answers import SLICE_BYTES, Answers
from backend.errors import Busy, NotFound
from backend.large_values import LargeValue, find_record
from backend.store import Store, StoredReport

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


def _large(store: Store, size: int) -> LargeValue:
    report_id = f"{size:064}"
    report = StoredReport(id=report_id, recorded_at="2026-11-23T10:00:00Z", commit=None, dirty=True, variants=())
    store.add_report(report, bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    found = find_record(store, report_id)
    assert found is not None
    return found


def test_slices_hold_two_of_each_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent in slices counts as two of them until it is sent; a small value does not count; others wait."""
    monkeypatch.setattr(answers, "SLICED_BYTES", 4 * SLICE_BYTES)
    monkeypatch.setattr(answers, "WAIT_SECONDS", 0.3)
    large, small = _large(store, 3 * SLICE_BYTES + 5), _large(store, 700)

    async def run() -> list[int]:
        loaded, held = Answers(), []
        async with AsyncExitStack() as sent:
            first = await sent.enter_async_context(AsyncExitStack())
            for stack in (first, sent):
                parts = [part async for part in await loaded.begin(large, stack)]
                assert [len(part) for part in parts] == [SLICE_BYTES] * 3 + [5]
                assert b"".join(parts) == large.read(0, large.size)
            held.append(loaded.held_bytes)
            with pytest.raises(Busy):
                await loaded.begin(large, sent)
            assert [part async for part in await loaded.begin(small, sent)] == [small.read(0, 700)]
            waiting = asyncio.create_task(loaded.begin(large, sent))
            await asyncio.sleep(0.05)
            await first.aclose()
            await waiting
            held.append(loaded.held_bytes)
        return [*held, loaded.held_bytes]

    assert asyncio.run(run()) == [4 * SLICE_BYTES, 4 * SLICE_BYTES, 0]
