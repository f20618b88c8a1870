"""Rules on the services that the roles need: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

import re
import time

from weighbridge.errors import EngineFault
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import exit_reason
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.exit_reason import NOTHING
from weighbridge.smoke.stack.services import Plan

_ANSWER_SECONDS = 10.0
_MOMENT_SECONDS = 2.0
"""How long a service has to run that nobody knows how to ask."""
_VERSION_LABEL = "org.opencontainers.image.version"
"""By the OCI image specification, the version of the packaged software."""


def starts(stack: Stack, service: str) -> str:
    """The service is ready; it is started first if it has not been. Without it no role can be tried."""
    begin = time.monotonic()
    if begun := stack.observed.starting.pop(service, None):
        begun.exception()  # if it failed, it fails again below
    try:
        state = stack.read_state(service)
    except EngineFault:
        stack.start(service)
    else:
        if state.status == "created":  # the engine could not start it; here it says why
            stack.engine.start(stack.build_name(service))
    wait_until_ready(stack, service)
    plan, seconds = stack.get_plan(service), time.monotonic() - begin
    version = _find_version(stack, plan)
    return f"{plan.described}, {f'version {version}, ' if version else ''}after {seconds:.1f} s"


def ensure_runs(stack: Stack, service: str) -> None:
    """Start a service again if it was stopped."""
    if not stack.read_state(service).running:
        stack.engine.start(stack.build_name(service))
        wait_until_ready(stack, service)


def wait_until_ready(stack: Stack, service: str) -> None:
    """Wait until a service that was started is ready.

    Raises:
        CheckFailed: It has ended, or the time is up; the reason quotes its log.
    """
    begin, limit, plan = time.monotonic(), stack.settings.smoke.timeout_seconds, stack.get_plan(service)
    while True:
        asked = time.monotonic()
        state = stack.read_state(service)
        ended = "" if state.running else f"its container is {state.status}, with code {state.exit_code}"
        reason = ended or _find_why_not_ready(stack, plan, asked - begin)
        if not reason:
            return
        if not state.running or time.monotonic() > begin + limit:
            log = exit_reason.find_cause(stack.read_streams(service), stack.settings.smoke.log_errors)
            raise CheckFailed(f"{plan.described} does not answer: {reason}; its log says: {log}")
        pause_until = 2 * time.monotonic() - asked  # pause as long as the check took, which needs a processor, too
        stack.pause()
        while time.monotonic() < pause_until:
            stack.pause()


def _find_why_not_ready(stack: Stack, plan: Plan, waited: float) -> str:
    """Return why a service that runs is not ready; empty if it is."""
    if not plan.ready:
        return "" if waited > _MOMENT_SECONDS else "it has only just started"
    limit = max(_ANSWER_SECONDS, stack.settings.smoke.timeout_seconds)
    try:
        result = stack.engine.execute(stack.build_name(plan.name), plan.ready, limit)
    except EngineFault as error:
        return error.message
    if result.code == 0 and re.search(plan.answer, result.streams.output):
        return ""
    said = exit_reason.find_cause(stack.mask_streams(result.streams), stack.settings.smoke.log_errors)
    return f"`{plan.ready[0]}` ended with code {result.code}" if said == NOTHING else said


def _find_version(stack: Stack, plan: Plan) -> str:
    """Return the version of the server that runs, by its own words or else by the image's label; empty: unknown."""
    try:
        if not plan.version:
            return stack.engine.inspect_image(plan.image).labels.get(_VERSION_LABEL, "")
        result = stack.engine.execute(stack.build_name(plan.name), plan.version, _ANSWER_SECONDS)
    except EngineFault:
        return ""
    found = re.search(plan.version_pattern, result.streams.output)
    return found[1] if found else ""
