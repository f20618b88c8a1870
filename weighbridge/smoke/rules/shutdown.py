"""Rules on how roles end, and on errors in their logs: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Collection, Iterable, Sequence

from weighbridge.model.smoke import RoleName
from weighbridge.settings.probes import Request
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import requests
from weighbridge.smoke.rules.worker import begin_job
from weighbridge.smoke.stack import advice, exit_reason, inside
from weighbridge.smoke.stack.containers import API, WORKER, Stack
from weighbridge.smoke.stack.http import Client
from weighbridge.smoke.stack.observations import Moment

_KILLED = 137
_TERMINATED_CODE = 143
_GRACEFUL = (0, _TERMINATED_CODE)
"""0, or the shell's code for SIGTERM: some servers finish their work and then raise the signal again."""
_FIRST_BAD_STATUS = 300
_ACCEPT_SECONDS = 0.3
"""How long a busy server may take to accept a connection that the kernel has accepted for it."""
_BEGUN = "begun"
_OUR_DOING = re.compile(
    r"\bSIGTERM\b|\bsignal 15\b|\bCancelledError\b|(^|; )(KeyboardInterrupt|SystemExit)\b"
    r"|\btimeout graceful shutdown exceeded\b"
)
"""What servers log as errors because they were told to stop: gunicorn and Celery name the signal, asyncio cancels what
runs, and uvicorn says so."""


def stops_on_sigterm(stack: Stack, role: RoleName) -> str:
    """SIGTERM ends the role within its grace; the time counts from the first SIGTERM that it got."""
    return _stop(stack, role, _GRACEFUL)


def finishes_running_job(stack: Stack, slow_job: Sequence[str], job_result: Sequence[str] | None) -> str:
    """After SIGTERM the worker finishes the job that it runs, then ends within its grace."""
    job = begin_job(stack, slow_job)
    ended = _stop(stack, WORKER, (0,))
    if job_result is None:
        return ended
    # The worker has ended: if there is no result by now, there never will be.
    result = inside.run(stack, (*job_result, job), stack.settings.smoke.timeout_seconds)
    return f"{ended}, and its job gave {result}"


def finishes_request_in_flight(stack: Stack, request: Request) -> str:
    """A request that is half sent when SIGTERM comes still gets its answer."""
    client, grace = Client(stack), stack.settings.roles.api.grace_seconds
    sent = requests.build(stack, request, {"unique": secrets.token_hex(8)})
    path, wanted = sent.path, {**client.get_address(), **client.build_parts(sent)}

    def terminate(line: str) -> None:
        if line == _BEGUN:
            time.sleep(_ACCEPT_SECONDS)
            stack.observed.api_told_to_stop = _tell_to_stop(stack, API)

    options = {"hold_seconds": grace / 2}
    found = inside.ask(stack, "in_flight.py", {**wanted, **options}, seconds=2 * grace + 10, on_line=terminate)
    if stack.observed.api_told_to_stop is None:
        raise CheckFailed(f"POST {path} could not be started: {found.get('error')}")
    if "status" not in found:
        raise CheckFailed(
            f"POST {path}, half sent before SIGTERM, got no answer: {found['error']}; "
            "let the server finish its requests, as uvicorn does without --timeout-graceful-shutdown 0, "
            "and if a shell starts it, start it with exec"
        )
    requests.note_secrets(stack, found.get("body", ""))
    allowed = request.status or range(_FIRST_BAD_STATUS)
    if found["status"] not in allowed:
        status, location = found["status"], stack.mask(found.get("location", ""))
        remedy = advice.find_remedy(status, path, location, "", stack.settings.roles.api.headers)
        seen = advice.describe_status(status, location)
        raise CheckFailed(f"POST {path}, half sent before SIGTERM, answered {seen}{'; ' * bool(remedy)}{remedy}")
    seen = f"POST {path}, half sent before SIGTERM, answered {found['status']}"
    return seen if found["closed"] else f"{seen}; the server still accepted new requests {grace / 2:g} s after it"


def no_error_in_logs(stack: Stack, containers: Iterable[str]) -> str:
    """No container has logged a line that reports an error.

    Once we have sent SIGTERM, a line that reports just that, or what it interrupts, counts as ours.
    """
    counts = {container: _check_log(stack, container) for container in containers}
    if not any(counts.values()):
        raise CheckFailed(
            f"neither {' nor '.join(counts)} has logged a line, so nothing was checked; "
            "let them log to standard output or standard error"
        )
    return ", ".join(f"{count} lines of {container}" for container, count in counts.items())


def _check_log(stack: Stack, container: str) -> int:
    """Return how many lines a container has logged; raise `CheckFailed` about the first that reports an error."""
    error, log = re.compile(stack.settings.smoke.log_errors), stack.engine.read_log(stack.build_name(container), None)
    lines = stack.mask(log).splitlines()
    stopped_at = stack.observed.lines_before_stop.get(container, len(lines))
    for at, line in enumerate(lines):
        if not error.search(line):
            continue
        said, after_stop = exit_reason.describe_error_line(lines, at), at >= stopped_at
        if not (after_stop and _OUR_DOING.search(said)):
            when = " after SIGTERM" if after_stop else ""
            raise CheckFailed(f"{container} logged{when}: {said}; fix it, or correct smoke.log_errors")
    return sum(bool(line.strip()) for line in lines)


def _tell_to_stop(stack: Stack, role: RoleName) -> Moment:
    """Send SIGTERM to a role, note how long its log was until then, and return when it was sent."""
    stack.observed.lines_before_stop[role] = len(stack.read_log(role, None).splitlines())
    sent = Moment.now()
    stack.engine.send_signal(stack.build_name(role), "SIGTERM")
    return sent


def _stop(stack: Stack, role: RoleName, graceful: Collection[int]) -> str:
    grace = stack.get_role(role).grace_seconds
    sent = stack.observed.api_told_to_stop if role == API else None
    if sent is None:
        sent = _tell_to_stop(stack, role)
    state = stack.wait(role, lambda state: not state.running, max(0.0, grace - sent.age))
    if state.running:
        raise CheckFailed(
            f"still running {grace:g} s after SIGTERM: an engine would now kill it, and its work would be lost; "
            f"handle SIGTERM or raise roles.{role}.grace_seconds"
        )
    if state.out_of_memory:
        raise CheckFailed(stack.describe_out_of_memory(role))
    if state.exit_code == _KILLED:
        raise CheckFailed("was killed after SIGTERM instead of ending by itself")
    if state.exit_code == _TERMINATED_CODE and _TERMINATED_CODE not in graceful:
        raise CheckFailed(
            f"exited with code {_TERMINATED_CODE} after SIGTERM: it ended at once, without finishing its work; "
            "let it handle SIGTERM; if a shell starts it, write exec before the shell's last command"
        )
    if state.exit_code not in graceful:
        raise CheckFailed(f"exited with code {state.exit_code} after SIGTERM, not {' or '.join(map(str, graceful))}")
    return f"exited with {state.exit_code}, {sent.age:.1f} s after SIGTERM"
