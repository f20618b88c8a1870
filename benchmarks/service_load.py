"""Measures how long posts, lists and comparisons take while 1, 16, 64 and 256 clients ask at once."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.service_client import Answer, Client
from benchmarks.service_stack import VARIANT, WORKERS, ServiceStack, run_service
from weighbridge.render.terminal.console import Activity
from weighbridge.settings.project import Settings

Operation = Literal["post", "list", "compare", "list of 100,000"]
OPERATIONS: tuple[Operation, ...] = ("post", "list", "compare")
LATER: Operation = "list of 100,000"
"""The same list, once there are so many reports more."""
CLIENTS = (1, 16, 64, 256)
SECONDS = 10.0
QUICK_SECONDS = 2.0
ROWS = 400
"""Of the ledger of a record."""
_CROWD = Path(__file__).with_name("crowd.py")
_FAILED = 0
"""The status of a request without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What some clients found with one kind of request."""

    operation: Operation
    clients: int
    per_second: float
    """Requests that succeeded."""
    median_seconds: float
    slowest_seconds: float
    """Of 99 in 100 requests."""
    statuses: Mapping[int, int]
    """Status -> answers; 0 for none."""
    api_bytes: int
    """Memory of the API, right after."""
    worker_bytes: int
    """Memory of the larger worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceResults:
    """All loads, and whether a container was short of memory or its log says that the database is locked."""

    image: str
    loads: tuple[Load, ...]
    is_short_of_memory: bool
    locked: int
    """Lines of the logs with "database is locked"."""


def measure(settings: Settings, project: Path, shown: Activity, *, quick: bool = False) -> ServiceResults:
    """Run the service, and one load after another.

    Raises:
        NoSuchImage: The variant is not built.
        EngineError: There is no engine, no Redis image, or the service does not start.
    """
    with run_service(settings, project) as stack:
        loads = tuple(asyncio.run(_measure_all(stack, shown, QUICK_SECONDS if quick else SECONDS)))
        return ServiceResults(
            image=stack.image, loads=loads, is_short_of_memory=stack.was_short_of_memory(), locked=stack.count_locked()
        )


async def _measure_all(stack: ServiceStack, shown: Activity, seconds: float) -> Sequence[Load]:
    numbers = itertools.count()
    first = Client(stack)
    ids = [(await first.ask("POST", "/v1/reports", make_record(next(numbers)))).content["id"] for _ in range(200)]
    first.close()
    pairs = itertools.permutations(ids, 2)
    requests: Mapping[Operation, Callable[[Client], Awaitable[Answer]]] = {
        "post": lambda client: client.ask("POST", "/v1/reports", make_record(next(numbers))),
        "list": lambda client: client.ask("GET", f"/v1/reports?variant={VARIANT}"),
        "compare": lambda client: client.ask("POST", "/v1/comparisons", make_pair(*next(pairs))),
    }
    found = []
    for clients in CLIENTS:
        for operation in OPERATIONS:
            shown.begin(f"{operation}, {clients} clients")
            found.append(await _load(stack, operation, requests[operation], clients, seconds))
    shown.begin("storing 100,000 reports")
    stack.docker("exec", "--interactive", f"{stack.name}-api", "python", "-", code=_CROWD.read_text(encoding="utf-8"))
    for clients in CLIENTS:
        shown.begin(f"{LATER}, {clients} clients")
        found.append(await _load(stack, LATER, requests["list"], clients, seconds))
    return found


async def _load(
    stack: ServiceStack,
    operation: Operation,
    ask: Callable[[Client], Awaitable[Answer]],
    count: int,
    seconds: float,
) -> Load:
    times, statuses = list[float](), dict[int, int]()
    end = time.monotonic() + seconds

    async def work() -> None:
        client = Client(stack)
        while (began := time.monotonic()) < end:
            try:
                status = (await ask(client)).status
            except OSError:
                status = _FAILED
            statuses[status] = statuses.get(status, 0) + 1
            times.append(time.monotonic() - began)
            if status == _FAILED:
                await asyncio.sleep(0.1)
        client.close()

    began = time.monotonic()
    await asyncio.gather(*(work() for _ in range(count)))
    took = time.monotonic() - began
    times.sort()
    succeeded = sum(number for status, number in statuses.items() if status in {200, 201, 202})
    return Load(
        operation=operation,
        clients=count,
        per_second=succeeded / took,
        median_seconds=times[len(times) // 2],
        slowest_seconds=times[int(len(times) * 0.99)],
        statuses=dict(sorted(statuses.items())),
        api_bytes=stack.measure_memory("api"),
        worker_bytes=max(stack.measure_memory(role) for role in WORKERS),
    )


def make_record(number: int) -> dict[str, Any]:
    """Return a record of some 25 kB, as `invoke report` makes it, and another one for each number."""
    rows = [
        {"category": "debian", "name": f"package-{row}", "version": "1", "bytes": number + row} for row in range(400)
    ]
    total = sum(row["bytes"] for row in rows if isinstance(row["bytes"], int))
    image = {
        "variant": VARIANT,
        "reference": f"bench:{number}",
        "source": "docker",
        "id": f"sha256:{number:064x}",
        "platform": "linux/amd64",
        "shipped_bytes": total,
        "file_count": 1,
        "base": None,
        "layers": [],
        "ledger": rows,
    }
    stamp = f"2026-01-{1 + number // 86400 % 28:02}T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
    return {"format": 1, "recorded_at": stamp, "commit": str(number), "dirty": False, "engine": None, "images": [image]}


def make_pair(before: str, after: str) -> dict[str, str]:
    """Return the request to compare two reports."""
    return {"before": before, "after": after}
