"""Uses the service for minutes while its containers are killed, and then looks for everything that it has accepted."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.service_client import Client
from benchmarks.service_load import ROWS, make_pair, make_record
from benchmarks.service_stack import WORKERS, ServiceStack, run_service
from weighbridge.errors import EngineFault, SettingsError
from weighbridge.render.terminal.console import Activity
from weighbridge.settings.project import Settings

MINUTES = 10.0
MOST_GROWTH = 0.1
"""How much more memory the last third may need than the first."""
CLIENTS = 8
_ROLES = ("api", *WORKERS)
_KILLED = (*_ROLES, "redis")
_PAUSE_SECONDS = (10.0, 30.0)
"""Between two kills."""
_SAMPLE_SECONDS = 5.0
_SETTLE_SECONDS = 180.0
"""How long the last comparisons may take, of which some have lost their worker."""
_REST_SECONDS = 0.02
"""Of a client between two requests: nothing is gained by a queue that only grows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoakResults:
    """What was accepted, and what became of it."""

    minutes: float
    kills: int
    reports: int
    comparisons: int
    refused: int
    """Requests that were answered with 503 or not at all, and were sent again."""
    lost_reports: int
    """Accepted reports that are not there as they were posted."""
    lost_comparisons: int
    """Accepted comparisons that have no result, or a wrong one."""
    first_bytes: int
    """Memory of the API and its workers: the median of the first third."""
    last_bytes: int
    is_short_of_memory: bool
    locked: int

    @property
    def growth(self) -> float:
        """How much larger the memory of the last third is, as a fraction."""
        return self.last_bytes / self.first_bytes - 1

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, and memory stayed within its limits."""
        lost = self.lost_reports + self.lost_comparisons
        return not lost and self.growth <= MOST_GROWTH and not self.is_short_of_memory


@dataclass(slots=True)
class _Soak:
    """One soak while it runs."""

    stack: ServiceStack
    end: float
    numbers: Iterator[int] = field(default_factory=itertools.count)
    reports: dict[str, int] = field(default_factory=dict)
    """Accepted id -> the number of the record."""
    comparisons: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Accepted id -> the numbers of both records."""
    refused: int = 0
    kills: int = 0
    samples: list[int] = field(default_factory=list)

    async def use(self) -> None:
        """Post reports, compare each with an earlier one, and list them, until the end."""
        client = Client(self.stack)
        while time.monotonic() < self.end:
            number = next(self.numbers)
            answer = await self.insist(client, "POST", "/v1/reports", make_record(number))
            self.reports[answer["id"]] = number
            other = random.choice(list(self.reports))  # noqa: S311 - no secret
            pair = make_pair(other, answer["id"])
            compared = await self.insist(client, "POST", "/v1/comparisons", pair)
            self.comparisons[compared["id"]] = (self.reports[other], number)
            await self.insist(client, "GET", "/v1/reports")
            await asyncio.sleep(_REST_SECONDS)
        client.close()

    async def insist(self, client: Client, method: str, path: str, body: Any = None) -> Any:
        """Send a request until it is accepted, as a client of ours has to; return the JSON."""
        while True:
            try:
                answer = await client.ask(method, path, body)
                if answer.status in {200, 201, 202}:
                    return answer.content
            except OSError:
                pass
            self.refused += 1
            await asyncio.sleep(0.5)

    async def kill(self) -> None:
        """Kill a container at random times, and start it again at once."""
        while (pause := random.uniform(*_PAUSE_SECONDS)) < self.end - time.monotonic():  # noqa: S311 - no secret
            await asyncio.sleep(pause)
            await asyncio.to_thread(self.stack.kill, random.choice(_KILLED))  # noqa: S311 - no secret
            self.kills += 1

    async def watch(self) -> None:
        """Note the memory every few seconds. A container that is just being started has none to tell."""
        while time.monotonic() < self.end:
            await asyncio.sleep(_SAMPLE_SECONDS)
            sizes = [await asyncio.to_thread(self._measure, role) for role in _ROLES]
            if all(sizes):
                self.samples.append(sum(sizes))

    def _measure(self, role: str) -> int:
        try:
            return self.stack.measure_memory(role)
        except EngineFault:  # it was killed meanwhile
            return 0

    async def count_lost(self) -> tuple[int, int]:
        """Return how many accepted reports, and how many comparisons, are not there as they must be."""
        client, deadline = Client(self.stack), time.monotonic() + _SETTLE_SECONDS
        lost = [0, 0]
        for key, number in self.reports.items():
            lost[0] += await self.insist(client, "GET", f"/v1/reports/{key}") != make_record(number)
        for key, numbers in self.comparisons.items():
            while (found := await self.insist(client, "GET", f"/v1/comparisons/{key}"))["status"] == "pending":
                if time.monotonic() > deadline:
                    break
                await asyncio.sleep(0.5)
            lost[1] += not is_right(found, *numbers)
        client.close()
        return lost[0], lost[1]


def run(settings: Settings, project: Path, shown: Activity, *, minutes: float = MINUTES) -> SoakResults:
    """Run the service under compose.yaml's limits, use it, kill its containers, and count what is lost.

    Raises:
        SettingsError: There is no time.
        NoSuchImage: The variant is not built.
        EngineError: There is no engine, no Redis image, or the service does not start.
    """
    if minutes <= 0:
        raise SettingsError(f"--minutes {minutes:g} would show nothing", advice="Give 1 or more.")
    with run_service(settings, project) as stack:
        soak = _Soak(stack, time.monotonic() + 60 * minutes)
        lost = asyncio.run(_run(soak, shown))
        third = max(1, len(soak.samples) // 3)
        return SoakResults(
            minutes=minutes,
            kills=soak.kills,
            reports=len(soak.reports),
            comparisons=len(soak.comparisons),
            refused=soak.refused,
            lost_reports=lost[0],
            lost_comparisons=lost[1],
            first_bytes=int(median(soak.samples[:third])),
            last_bytes=int(median(soak.samples[-third:])),
            is_short_of_memory=stack.was_short_of_memory(),
            locked=stack.count_locked(),
        )


async def _run(soak: _Soak, shown: Activity) -> tuple[int, int]:
    shown.begin("Posting, comparing and killing")
    await asyncio.gather(soak.kill(), soak.watch(), *(soak.use() for _ in range(CLIENTS)))
    shown.begin("Looking for what was accepted")
    return await soak.count_lost()


def is_right(found: Any, before: int, after: int) -> bool:
    """Return whether a comparison has the difference of two records with these numbers."""
    if found["status"] != "done":
        return False
    return [each["delta_bytes"] for each in found["difference"]] == [ROWS * (after - before)]
