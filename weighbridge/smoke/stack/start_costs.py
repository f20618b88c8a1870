"""What the starts of both roles cost, out of what was seen of them."""

from __future__ import annotations

from weighbridge.model.smoke import RoleName, StartCosts
from weighbridge.smoke.stack.containers import API, WORKER
from weighbridge.smoke.stack.observations import Observations


def of(observed: Observations) -> StartCosts:
    """Return what was measured: bytes are whole, and seconds have three digits."""
    return StartCosts(
        api_live_seconds=_rounded(observed.api_live_seconds),
        api_ready_seconds=_rounded(observed.api_ready_seconds),
        worker_ready_seconds=_rounded(observed.worker_ready_seconds),
        api_memory_bytes=_memory(observed, API),
        worker_memory_bytes=_memory(observed, WORKER),
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _memory(observed: Observations, role: RoleName) -> int | None:
    """Return what a role held when it was first looked into; what it may hold is no rule's, but a budget's."""
    found = observed.findings.get(role)
    return found.memory_bytes if found else None
