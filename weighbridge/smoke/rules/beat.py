"""The rule on a role that sends jobs by a schedule: it returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

import re
import time

from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import exit_reason, inside
from weighbridge.smoke.stack.celery import find_call
from weighbridge.smoke.stack.containers import Stack

_SENT = re.compile(r"Sending due task (?P<entry>.+) \((?P<job>\S+)\)")
"""What Celery's beat logs at INFO when it sends a job (celery.beat, `Scheduler.apply_entry`)."""
_CELERYS_OWN = "celery."
"""How the names of jobs begin that every worker knows, and no worker lists (celery.app.builtins)."""
_CLEANUP = "celery.backend_cleanup"
"""What Celery adds to schedules by itself if the backend does not delete old results (`install_default_entries`)."""
_OPTIONS = ("--schedule", "/tmp/weighbridge-beat", "--loglevel", "INFO", "--pidfile", "/tmp/weighbridge-beat.pid")  # noqa: S108 - in there


def sends_a_job(stack: Stack, role: str) -> str:
    """It sends a job of its schedule, which a worker knows.

    A schedule may have nothing to do for hours. If the role has sent nothing yet, a second one starts from the same
    image with the same settings, for which the entry that is next is due at once.
    """
    sent = _find_sent(stack.read_log(role, None))
    if sent and sent["job"] != _CLEANUP:
        return _check_job(stack, role, sent, "")
    container = f"due-{role}"
    words = find_call(stack.build_command_line(role))
    if words is None:
        return _check_job(stack, role, _wait(stack, role, role), "")
    source = inside.read_script("due.py")
    interpreter = stack.get_interpreters(role)[0]
    try:
        stack.start(role, container, entrypoint=(interpreter, "-c", source), command=(*words.arguments, *_OPTIONS))
        return _check_job(stack, role, _wait(stack, role, container), ", which it was told is due")
    finally:
        stack.remove(container)


def _wait(stack: Stack, role: str, container: str) -> re.Match[str]:
    """Return the line by which beat says that it sends a job, as soon as it is in a container's log."""
    limit = stack.settings.smoke.timeout_seconds
    deadline = time.monotonic() + limit
    while True:
        state = stack.read_state(container)
        sent = _find_sent(stack.read_log(container, None))
        # For the second one, what Celery adds is due only if there is nothing else.
        if sent and (sent["job"] != _CLEANUP or container != role):
            return sent
        if not state.running:
            why = exit_reason.find_cause(stack.read_streams(container), stack.settings.smoke.log_errors)
            raise CheckFailed(f"beat sent no job, and ended with code {state.exit_code}: {why}")
        if time.monotonic() > deadline:
            error = stack.find_error(container)
            said = f"; its log says: {error}" if error else ""
            raise CheckFailed(
                f"beat sent no job within {limit:g} s{said}; if its schedule is empty, give it one or remove "
                f"roles.{role}; else let it log at INFO"
            )
        stack.pause()


def _find_sent(log: str) -> re.Match[str] | None:
    """Return the first line by which beat says that it sends a job, one of the application if there is any."""
    found = [*_SENT.finditer(log)]
    return next((sent for sent in found if sent["job"] != _CLEANUP), next(iter(found), None))


def _check_job(stack: Stack, role: str, sent: re.Match[str], how: str) -> str:
    if sent["job"] == _CLEANUP:
        raise CheckFailed(
            f"its schedule has only {_CLEANUP}, which Celery adds by itself; give it an entry or remove roles.{role}; "
            "if it is there for that alone, accept `sends-a-job` in variants.V.accepts"
        )
    known = {job.partition(" [")[0] for jobs in stack.observed.jobs.values() for each in jobs.values() for job in each}
    if known and sent["job"] not in known and not sent["job"].startswith(_CELERYS_OWN):
        raise CheckFailed(
            f"beat sends {sent['job']} (entry {sent['entry']}), which no worker knows; they know "
            f"{', '.join(sorted(known))}; correct the schedule, or import the module that defines the job"
        )
    return f"sent {sent['job']} (entry {sent['entry']}){how}"
