"""Rules on the worker while it works: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules.start import note_worker_start
from weighbridge.smoke.stack import inside, queues
from weighbridge.smoke.stack.containers import API, WORKER, Stack
from weighbridge.smoke.stack.exit_reason import NOTHING, find_last_line

_LOG_LINES = 1000
"""More lines than a worker writes between two reads of its log."""


def ready(stack: Stack) -> str:
    """A worker answers through the broker."""
    stack.observed.jobs = list_registered_jobs(stack)
    note_worker_start(stack, WORKER)
    return f"{', '.join(stack.observed.jobs)} answered through the broker"


def registers_its_jobs(stack: Stack, jobs: Sequence[str]) -> str:
    """The worker knows each job that the API sends, so both are of one version."""
    # Celery may add options to the name of a job: `name [rate_limit=10/m]`.
    known = {job.partition(" [")[0] for jobs in stack.observed.jobs.values() for job in jobs}
    missing = [job for job in jobs if job not in known]
    if missing:
        others = ", ".join(sorted(known)) or "none"
        raise CheckFailed(
            f"the worker does not know {', '.join(missing)}, which the API sends; it knows {others}; "
            "run both roles from one version, and import the module that defines the job"
        )
    return f"{', '.join(jobs)} among {len(known)}"


def list_registered_jobs(stack: Stack) -> dict[str, list[str]]:
    """Ask until a worker answers or the time is up; return the jobs that each worker knows.

    Each question gets as long as all together: importing the application may take most of that.
    """
    limit, command = stack.settings.smoke.timeout_seconds, stack.settings.roles.worker.registered
    deadline = time.monotonic() + limit
    while True:
        try:
            found = json.loads(inside.run(stack, command, limit))
        except (CheckFailed, ValueError) as error:
            reason = str(error)
        else:
            if _is_jobs(found):
                return dict(found)
            reason = (
                "none answered"
                if found == {}
                else f"it printed {stack.mask(str(found))[:80]}, not worker -> names of jobs"
            )
        if time.monotonic() > deadline:
            logged = stack.find_error(WORKER)
            said = f"says: {logged}" if logged else f"ends: {find_last_line(stack.read_log(WORKER))}"
            raise CheckFailed(
                f"no worker answers through the broker after {limit:g} s ({reason}); its log {said}; "
                "does it reach the broker that smoke.environment names, and does roles.worker.registered ask there?"
            )
        stack.interruption.pause()


def begin_job(stack: Stack, slow_job: Sequence[str]) -> str:
    """Send a job that takes some seconds; return its id once the worker's log names it.

    If the API's container runs a worker, too, as under a supervisor, that may take a job first: then another is sent.
    """
    limit = stack.settings.smoke.timeout_seconds
    job = _send_job(stack, slow_job)
    deadline = time.monotonic() + limit
    while job not in stack.read_log(WORKER, _LOG_LINES):
        if time.monotonic() > deadline:
            cause = queues.describe_unconsumed(stack) or "let it log at INFO (--loglevel INFO)"
            raise CheckFailed(f"the worker's log does not name job {job} after {limit:g} s; {cause}")
        if job in stack.read_log(API, _LOG_LINES):
            job = _send_job(stack, slow_job)
        stack.interruption.pause()
    return job


def _send_job(stack: Stack, slow_job: Sequence[str]) -> str:
    job = inside.run(stack, slow_job, stack.settings.smoke.timeout_seconds)
    if job == NOTHING:
        raise CheckFailed(f"`{' '.join(slow_job)}` printed no id; let roles.worker.slow_job print that of its job last")
    return job


def _is_jobs(value: object) -> bool:
    """Tell whether parsed JSON is an object of lists of names that is not empty."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(jobs, list) and all(isinstance(job, str) for job in jobs) for jobs in value.values())
    )
