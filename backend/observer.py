"""Asks the database and Redis for what `/metrics` tells of them, seldom and with a time limit.

However often it is asked, it asks them once in a few seconds. What does not answer in time counts as unreachable.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Generic, TypeVar

from backend.broker import Broker
from backend.row_counts import RowCounts, count_rows
from backend.store import Store

KEPT_SECONDS = 5.0
LIMIT_SECONDS = 3.0
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Asked(Generic[Found]):
    """What was found, None if there was no answer, and how many seconds it took."""

    found: Found | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """Messages in Redis: those that wait, those that workers hold, and those that nobody could read."""

    waiting: int
    taken: int
    undecodable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was found of both at one moment."""

    rows: Asked[RowCounts]
    queue: Asked[QueueCounts]


class Observer:
    """Looks at the database and Redis of one application."""

    def __init__(self, store: Store, broker: Broker, threads: Executor) -> None:
        self._store, self._broker, self._threads = store, broker, threads
        self._turn = asyncio.Lock()
        self._last: tuple[float, Observed] | None = None

    async def observe(self) -> Observed:
        """Return what was found in the last few seconds, or look now."""
        async with self._turn:
            if self._last is None or time.monotonic() - self._last[0] > KEPT_SECONDS:
                rows, queue = await asyncio.gather(
                    self._ask(lambda: count_rows(self._store)), self._ask(self._count_messages)
                )
                self._last = (time.monotonic(), Observed(rows=rows, queue=queue))
            return self._last[1]

    async def _ask(self, look: Callable[[], Found]) -> Asked[Found]:
        began = time.monotonic()
        try:
            waiting = asyncio.get_running_loop().run_in_executor(self._threads, look)
            found = await asyncio.wait_for(waiting, LIMIT_SECONDS)
        except Exception:  # noqa: BLE001 - a driver's; `/readyz` logs why something is away
            return Asked(None, time.monotonic() - began)
        return Asked(found, time.monotonic() - began)

    def _count_messages(self) -> QueueCounts:
        waiting, taken = self._broker.measure()
        return QueueCounts(waiting=waiting, taken=taken, undecodable=self._broker.count_undecodable())
