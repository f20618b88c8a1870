"""Computes what it costs to start the roles, from what rules have observed."""

from __future__ import annotations

from weighbridge.model.smoke import StartCosts
from weighbridge.settings.project import Settings
from weighbridge.smoke.stack.observations import Observations


def compute(observed: Observations, settings: Settings) -> StartCosts:
    """Return the start costs of the first API and the first worker, seconds rounded to milliseconds.

    None stands for each that was not measured.
    """
    api, worker = next(iter(settings.api_names), ""), next(iter(settings.worker_names), "")
    return StartCosts(
        api_live_seconds=_round(observed.live_seconds.get(api)),
        api_ready_seconds=_round(observed.ready_seconds.get(api)),
        worker_ready_seconds=_round(observed.ready_seconds.get(worker)),
        api_memory_bytes=_find_memory(observed, api),
        worker_memory_bytes=_find_memory(observed, worker),
    )


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _find_memory(observed: Observations, role: str) -> int | None:
    """Return how much memory a role used when it was first probed; None if it was not."""
    found = observed.findings.get(role)
    return found.memory_bytes if found else None
