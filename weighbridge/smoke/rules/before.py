"""The rule on a command that runs once before any role starts: it returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

import time

from weighbridge.errors import EngineFault
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import exit_reason
from weighbridge.smoke.stack.containers import Stack


def name_container(name: str) -> str:
    """Return the container's name in the stack."""
    return f"before-{name}"


def completes(stack: Stack, name: str) -> str:
    """The command ends in time, with exit code 0. Without that, no role can be tried."""
    began, container = time.monotonic(), name_container(name)
    limit = stack.settings.smoke.before[name].timeout_seconds or stack.settings.smoke.timeout_seconds
    try:
        stack.start(name, container)
    except EngineFault as error:
        raise CheckFailed(f"{error.message}; correct smoke.before.{name}.command") from error
    state = stack.wait(container, lambda state: not state.running, limit)
    streams, errors = stack.read_streams(container, exit_reason.LINES), stack.settings.smoke.log_errors
    if state.running:
        last = exit_reason.find_error(streams, errors)
        said = f"; its log says: {last}" if last else ""
        raise CheckFailed(f"still running after {limit:g} s{said}; raise smoke.before.{name}.timeout_seconds")
    if state.out_of_memory:
        limit_text = stack.settings.smoke.before[name].memory.written
        raise CheckFailed(f"reached its limit of {limit_text} of memory; raise smoke.before.{name}.memory")
    if state.exit_code:
        why = exit_reason.find_reason(streams, errors)
        raise CheckFailed(f"exited with code {state.exit_code}: {why}")
    return f"exited with code 0 after {time.monotonic() - began:.1f} s"
