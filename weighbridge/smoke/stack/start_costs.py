"""Computes what it costs to start both roles, from what rules have observed."""

from __future__ import annotations

from weighbridge.model.smoke import RoleName, StartCosts
from weighbridge.smoke.stack.containers import API, WORKER
from weighbridge.smoke.stack.observations import Observations


def compute(observed: Observations) -> StartCosts:
    """Return the start costs, seconds rounded to milliseconds; None for each that was not measured."""
    return StartCosts(
        api_live_seconds=_round(observed.api_live_seconds),
        api_ready_seconds=_round(observed.api_ready_seconds),
        worker_ready_seconds=_round(observed.worker_ready_seconds),
        api_memory_bytes=_find_memory(observed, API),
        worker_memory_bytes=_find_memory(observed, WORKER),
    )


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _find_memory(observed: Observations, role: RoleName) -> int | None:
    """Return how much memory a role used when it was first probed; None if it was not."""
    found = observed.findings.get(role)
    return found.memory_bytes if found else None
