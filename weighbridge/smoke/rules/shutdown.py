"""Rules on how roles end, and on errors in their logs: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from weighbridge.model.container import ContainerState
from weighbridge.settings.probes import Probe, Request
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import requests
from weighbridge.smoke.rules.worker import begin_job, has_ended
from weighbridge.smoke.stack import advice, endings, exit_reason, inside
from weighbridge.smoke.stack.background import Background
from weighbridge.smoke.stack.celery import find_call
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.http import Client, Sent
from weighbridge.smoke.stack.observations import Moment

_KILLED = 137
_TERMINATED_CODE = 143
_GRACEFUL = (0, _TERMINATED_CODE)
"""0, or the shell's code for SIGTERM: some servers finish their work and then raise the signal again."""
_MOST_HOLD_SECONDS = 3.0
"""How long we keep the second half of a request back from a server that accepts new connections after SIGTERM, as the
first process of gunicorn does while its workers finish what they have."""
_GOOD_STATUSES = range(200, 300)
_SENDS_SOMETHING = frozenset({"POST", "PUT", "PATCH"})
_BEGUN = "begun"
_OUR_DOING = re.compile(
    r"\bSIGTERM\b|\bsignal 15\b|\bCancelledError\b|(^|; )(KeyboardInterrupt|SystemExit)\b"
    r"|\btimeout graceful shutdown exceeded\b"
)
"""What servers log as errors because they were told to stop: gunicorn and Celery name the signal, asyncio cancels what
runs, and uvicorn says so."""


def stops_on_sigterm(stack: Stack, role: str, together: Iterable[str] = ()) -> str:
    """SIGTERM ends the role within its grace; the time counts from the first SIGTERM that it got.

    Args:
        stack: The stack.
        role: The role.
        together: Roles that are told to stop at the same time, if it is one of them; they run their own rules later.
    """
    others = {*together} & stack.observed.watched if role in {*together} else set()
    for other in sorted(others - {role}):
        _tell_to_stop(stack, other)
    return _stop(stack, role, _GRACEFUL)


def finishes_running_job(
    stack: Stack,
    role: str,
    slow_job: Sequence[str],
    job_result: Sequence[str] | None,
    *,
    beside: Callable[[Stack], None] | None = None,
    meanwhile: Callable[[Stack], None] | None = None,
) -> str:
    """After SIGTERM the worker finishes the job that it runs, then ends within its grace.

    Args:
        stack: The stack.
        role: The worker.
        slow_job: A command that sends a job and prints its id.
        job_result: A command that prints the result of the job whose id follows; None: there is none.
        beside: Called once SIGTERM is sent: before that, it would take of the time that the job runs.
        meanwhile: Called once the job is done, while the worker ends.
    """
    job = begin_job(stack, role, slow_job)
    result = _begin_to_wait_for_result(stack, role, job_result, job)

    def look() -> None:
        nonlocal beside, meanwhile
        if beside:
            beside(stack)
            beside = None
        if meanwhile and result and result.is_done:
            meanwhile(stack)
            meanwhile = None

    ended = _stop(stack, role, (0,), look)
    if has_ended(stack.read_log(role, None).splitlines()[: stack.observed.lines_before_stop[role]], job):
        raise CheckFailed(f"job {job} had ended before SIGTERM; let the job of roles.{role}.slow_job take longer")
    if job_result is None:
        return ended
    return f"{ended}, and its job gave {_read_result(stack, role, job_result, job, result)}"


def _begin_to_wait_for_result(
    stack: Stack, role: str, job_result: Sequence[str] | None, job: str
) -> Background[str] | None:
    """Begin to wait for a job's result, if the command is Celery's: it waits, and others may not."""
    call = find_call(job_result or ())
    if job_result is None or call is None or "result" not in call.arguments:
        return None
    limit = stack.settings.smoke.timeout_seconds
    return Background(lambda: inside.run(stack, (*job_result, job), limit, role=role))


def _read_result(stack: Stack, role: str, job_result: Sequence[str], job: str, begun: Background[str] | None) -> str:
    """Return a job's result. Its worker has ended: if there is none by now, there never will be."""
    if begun:
        with suppress(CheckFailed):  # the time may have been up before the job was done
            return begun.wait(stack)
    return inside.run(stack, (*job_result, job), stack.settings.smoke.timeout_seconds, role=role)


def find_request(probes: Iterable[Probe]) -> Request | None:
    """Return the request to have in flight: the first with which a probe begins and that says what it sends.

    A request without a body of its own has no second half for which an API would wait.
    """
    first = (probe.steps[0] for probe in probes)
    sends = (step for step in first if step.body is not None or step.form or step.multipart)
    return next((step for step in sends if step.method in _SENDS_SOMETHING), None)


def finishes_request_in_flight(stack: Stack, role: str, request: Request) -> str:
    """A request that is half sent when SIGTERM comes still gets its answer."""
    client, grace = Client(stack, role), stack.get_role(role).grace_seconds
    sent = requests.build(stack, request, {"unique": secrets.token_hex(8)})

    def terminate(line: str) -> None:
        if line == _BEGUN:
            _tell_to_stop(stack, role)

    hold = min(_MOST_HOLD_SECONDS, grace / 2)
    limits = {"hold_seconds": hold, "limit_seconds": grace}
    wanted = {**client.get_address(), **client.build_parts(sent), **limits}
    found = inside.ask(stack, "in_flight.py", wanted, seconds=2 * grace + 10, on_line=terminate)
    seen = _describe_answer(client, request, sent, found, begun=role in stack.observed.told_to_stop)
    return seen if found["closed"] else f"{seen}; the server still accepted new connections {hold:g} s after it"


def _describe_answer(client: Client, request: Request, sent: Sent, found: Mapping[str, Any], *, begun: bool) -> str:
    """Return what was answered; raise `CheckFailed` if nothing was, or not what the probe allows, or too early."""
    asked = f"{sent.method} {sent.path}"
    if "status" not in found:
        if not begun:
            raise CheckFailed(f"{asked} could not be started: {found['error']}")
        raise CheckFailed(
            f"{asked}, half sent before SIGTERM, got no answer: {found['error']}; "
            "let the server finish its requests, as uvicorn does without --timeout-graceful-shutdown 0, "
            "and if a shell starts it, start it with exec"
        )
    requests.note_secrets(client.stack, found["body"])
    answer = client.read_answer(sent, found)
    if answer.status not in (request.status or _GOOD_STATUSES):
        seen, remedy = advice.describe_status(answer.status, client.stack.mask(answer.location)), answer.find_remedy()
        when = "half sent before SIGTERM" if begun else "half sent"
        raise CheckFailed(f"{asked}, {when}, answered {seen}{'; ' * bool(remedy)}{remedy}")
    if not begun:
        raise CheckFailed(
            f"{asked} answered {answer.status} before its body was there, so nothing was in flight that SIGTERM could "
            "interrupt; let a probe that comes before the others begin with a body that the API reads"
        )
    return f"{asked}, half sent before SIGTERM, answered {answer.status}"


def no_error_in_logs(stack: Stack, roles: Iterable[str]) -> str:
    """No role has logged a line that reports an error.

    Once we have sent SIGTERM, a line that reports just that, or what it interrupts, counts as ours.
    """
    started = [role for role in roles if role in stack.observed.keys]
    # Those that have served come first: why another has not is told already, and would hide their errors.
    counts = {role: _check_log(stack, role) for role in sorted(started, key=lambda role: not _has_served(stack, role))}
    if not counts:
        raise CheckFailed("no role was started, so nothing was checked")
    if not any(counts.values()):
        what = f"{next(iter(counts))} has not" if len(counts) == 1 else f"neither {' nor '.join(counts)} has"
        raise CheckFailed(
            f"{what} logged a line, so nothing was checked; let them log to standard output or standard error"
        )
    return ", ".join(f"{count} lines of {role}" for role, count in counts.items())


def keeps_running(stack: Stack, role: str) -> str:
    """The role has run until now, from its start through all work."""
    state = stack.read_state(role)
    if not state.running:
        raise CheckFailed(endings.describe(stack, role, state))
    return "from its start through all work"


def _check_log(stack: Stack, container: str) -> int:
    """Return how many lines a container has logged; raise `CheckFailed` about the first that reports an error."""
    error = re.compile(stack.settings.smoke.log_errors)
    lines = stack.mask(stack.engine.read_log(stack.build_name(container), None)).splitlines()
    stopped_at = stack.observed.lines_before_stop.get(container, len(lines))
    for at, line in enumerate(lines):
        if not error.search(line):
            continue
        said, after_stop = exit_reason.describe_error_line(lines, at), at >= stopped_at
        if not (after_stop and _OUR_DOING.search(str(said))):
            when = " after SIGTERM" if after_stop else ""
            cause = said.cause if _has_served(stack, container) else _find_cause_of_end(stack, container) or said.cause
            raise CheckFailed(f"{container} logged{when}: {said}; fix it, or correct smoke.log_errors", cause=cause)
    return sum(bool(line.strip()) for line in lines)


def _has_served(stack: Stack, role: str) -> bool:
    return role in stack.observed.served


def _find_cause_of_end(stack: Stack, role: str) -> str:
    """Return why a role has ended by itself, in the words of its log; empty if it has not."""
    if stack.read_state(role).running:
        return ""
    return exit_reason.find_cause(stack.read_streams(role, exit_reason.LINES), stack.settings.smoke.log_errors)


def _tell_to_stop(stack: Stack, role: str) -> Moment:
    """Send SIGTERM to a role, note how long its log was until then, and return when it was sent."""
    stack.observed.lines_before_stop[role] = len(stack.read_log(role, None).splitlines())
    stack.observed.watched.discard(role)
    sent = stack.observed.told_to_stop[role] = Moment.now()
    stack.engine.send_signal(stack.build_name(role), "SIGTERM")
    return sent


def _stop(stack: Stack, role: str, graceful: Collection[int], meanwhile: Callable[[], None] = lambda: None) -> str:
    grace = stack.get_role(role).grace_seconds
    before = stack.observed.told_to_stop.get(role)
    sent = before or _tell_to_stop(stack, role)

    def has_stopped(state: ContainerState) -> bool:
        meanwhile()
        return not state.running

    state = stack.wait(role, has_stopped, max(0.0, grace - sent.age))
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
    when = "at most " if before else ""  # nobody looked in between
    return f"exited with {state.exit_code}, {when}{sent.age:.1f} s after SIGTERM"
