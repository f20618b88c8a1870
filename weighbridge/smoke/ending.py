"""Rules on how a container ends at SIGTERM: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from weighbridge.smoke import inside
from weighbridge.smoke.containers import Stack
from weighbridge.smoke.failures import CheckFailed

_LOG_LINES = 1000
"""More than a worker writes between two looks at its log."""
_KILLED = 137
_GRACEFUL = (0, 143)
"""0, or the shell's code for SIGTERM: some servers finish their work, then raise the signal again."""


def stops_on_sigterm(stack: Stack, role: str) -> str:
    """SIGTERM ends the role within its grace."""
    return _stop(stack, role, _GRACEFUL)


def finishes_running_job(stack: Stack, slow_job: Sequence[str], job_result: Sequence[str] | None) -> str:
    """SIGTERM lets the worker finish the job that it runs, then ends it within its grace."""
    limit = stack.settings.smoke.timeout_seconds
    job = inside.run(stack, "worker", slow_job, limit)
    _wait_for_job(stack, job)
    ended = _stop(stack, "worker", (0,))
    if job_result is None:
        return ended
    # The worker is gone: a result is there by now, or never.
    result = inside.run(stack, "api", (*job_result, job), stack.settings.roles.api.grace_seconds)
    return f"{ended}, and its job gave {result}"


def _wait_for_job(stack: Stack, job: str) -> None:
    """Wait until the end of the worker's log names the job."""
    limit = stack.settings.smoke.timeout_seconds
    deadline = time.monotonic() + limit
    while job not in stack.log("worker", _LOG_LINES):
        if time.monotonic() > deadline:
            raise CheckFailed(f"the worker's log does not name job {job} after {limit:g} s")
        stack.interruption.pause()


def _stop(stack: Stack, role: str, graceful: Collection[int]) -> str:
    grace, began = stack.role(role).grace_seconds, time.monotonic()
    stack.engine.signal(stack.name(role), "SIGTERM")
    state = stack.wait(role, lambda state: not state.running, grace)
    if state.running:
        raise CheckFailed(
            f"still running {grace:g} s after SIGTERM: an engine would kill it now, and its work would be lost; "
            f"handle SIGTERM or raise roles.{role}.grace_seconds"
        )
    if state.out_of_memory or state.exit_code == _KILLED:
        raise CheckFailed("killed after SIGTERM instead of ending by itself")
    if state.exit_code not in graceful:
        raise CheckFailed(f"exited with code {state.exit_code} after SIGTERM, not {' or '.join(map(str, graceful))}")
    return f"exited with {state.exit_code}, {time.monotonic() - began:.1f} s after SIGTERM"
