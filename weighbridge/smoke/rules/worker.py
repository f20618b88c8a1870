"""Rules on the worker while it works: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from weighbridge.settings.project import Settings
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules.start import note_worker_start
from weighbridge.smoke.stack import inside
from weighbridge.smoke.stack import queues as queues_in_broker
from weighbridge.smoke.stack.celery import Call, find_call
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.exit_reason import NOTHING, find_last_line

_Value = TypeVar("_Value")
_ASK_REDIS = ("celery", "--broker", "redis://redis:6379/0", "inspect", "registered", "--json")
_OWN_JOB = "celery.accumulate"
"""A job that each application has and that does nothing but return what it got (celery.app.builtins)."""
_DEFAULT = ""
"""In place of a queue that nobody names: the application's own default."""
_TRIES = 5
_ARRIVAL_SECONDS = 5.0
_SUCCEEDED = " succeeded in "
_LOG_LINES = 1000
"""More lines than a worker writes between two reads of its log."""


def ready(stack: Stack, role: str) -> str:
    """A worker of the role answers through the broker."""
    known = _select_own(stack, role, stack.observed.answered.get(_build_inspection(stack, role), {}))
    found = stack.observed.jobs[role] = known if _is_named(known, role) else list_registered_jobs(stack, role)
    stack.observed.served.add(role)
    note_worker_start(stack, role)
    return f"{', '.join(found)} answered through the broker"


def registers_its_jobs(stack: Stack, role: str, jobs: Sequence[str]) -> str:
    """The worker knows each job that the API sends, so both are of one version."""
    # Celery may add options to the name of a job: `name [rate_limit=10/m]`.
    known = {job.partition(" [")[0] for each in stack.observed.jobs[role].values() for job in each}
    missing = [job for job in jobs if job not in known]
    if missing:
        others = ", ".join(sorted(known)) or "none"
        raise CheckFailed(
            f"the worker does not know {', '.join(missing)}, which the API sends; it knows {others}; "
            "run both roles from one version, and import the module that defines the job"
        )
    return f"{', '.join(jobs)} among {len(known)}"


def takes_jobs_from_its_queues(stack: Stack, role: str) -> str:
    """The worker does a job from each of its queues: one of Celery's own, which every worker knows and does at once."""
    call = _find_call(stack, role)
    queues = stack.settings.get_worker(role).queues or (call.queues if call else ())
    if call is None:
        raise CheckFailed(f"the role's command does not show how it calls Celery; {_advise_on_asking(role)}")
    done, count = list[str](), _count_done(stack, role, call) if _shares_queues(stack, role, queues) else 0
    for queue in queues or (_DEFAULT,):
        for _ in range(_TRIES):  # another worker of the same queue may take it
            before = count
            to = ("--queue", queue) if queue else ()
            inside.run(stack, (*call.program, "call", _OWN_JOB, *to, "--args", "[1]"), _limit(stack), role=role)
            count = _wait_for_more(stack, role, call, before)
            if count > before:
                done.append(queue or "its default queue")
                break
        else:
            which = f"the queue {queue}" if queue else "the default queue"
            ask = f"does its command name it (--queues {queue})?" if queue else "which queues does its command name?"
            cause = queues_in_broker.describe_unconsumed(stack) or ask
            raise CheckFailed(f"no job that was sent to {which} reached {role}; {cause}")
    return f"did a job from {', '.join(done)}"


def list_queues(settings: Settings, role: str, command_line: Sequence[str]) -> tuple[str, ...]:
    """Return the queues that a worker takes jobs from, by the settings or else by its command; empty: its default."""
    call = find_call(command_line)
    return settings.get_worker(role).queues or (call.queues if call else ())


def _count_done(stack: Stack, role: str, call: Call) -> int:
    """Return how many of Celery's own jobs the workers of a role have begun; 0 if none answers."""
    command = (*call.program, "inspect", "stats", "--json")
    try:
        found = json.loads(inside.run(stack, command, _limit(stack), role=role))
        nodes = _select_own(stack, role, found)
        return sum(int(each["total"].get(_OWN_JOB, 0)) for each in nodes.values())
    except (CheckFailed, ValueError, KeyError, TypeError, AttributeError):
        return 0


def _wait_for_more(stack: Stack, role: str, call: Call, before: int) -> int:
    """Wait until the workers of a role have begun more jobs than before, or the time is up; return how many."""
    deadline = time.monotonic() + _ARRIVAL_SECONDS
    while (count := _count_done(stack, role, call)) <= before and time.monotonic() < deadline:
        stack.pause()
    return count


def _shares_queues(stack: Stack, role: str, queues: Sequence[str]) -> bool:
    """Tell whether another worker takes jobs from one of these queues, so that this one may have done some already."""
    others = (name for name in stack.settings.worker_names if name != role)
    theirs = (list_queues(stack.settings, name, stack.build_command_line(name)) for name in others)
    return any({*(queues or (_DEFAULT,))} & {*(each or (_DEFAULT,))} for each in theirs)


def _select_own(stack: Stack, role: str, nodes: Mapping[str, _Value]) -> dict[str, _Value]:
    """Return the workers that run in a role's container, by their host; all that are nobody's if none has that host.

    A worker is called NAME@HOST, and the host is the role's name unless its command says otherwise.
    """
    hosts = {*stack.settings.worker_names}
    own = {name: value for name, value in nodes.items() if name.partition("@")[2] == role}
    return own or {name: value for name, value in nodes.items() if name.partition("@")[2] not in hosts}


def _find_call(stack: Stack, role: str) -> Call | None:
    """Return how a role calls Celery, by its command, or else by the processes in its container."""
    found = find_call(stack.build_command_line(role))
    if found is None:
        try:
            calls = [find_call(process.command) for process in inside.probe_once(stack, role).processes]
        except CheckFailed:
            return None
        found = next((call for call in calls if call and call.subcommand == "worker"), None)
    return found


def _build_inspection(stack: Stack, role: str) -> tuple[str, ...]:
    """Return the command that asks which jobs the workers know."""
    settings = stack.settings.get_worker(role)
    if settings.registered:
        return settings.registered
    if stack.settings.smoke.services is None:
        return _ASK_REDIS  # it need not import the application, and so answers sooner
    call = _find_call(stack, role)
    if call is None:
        raise CheckFailed(f"the role's command does not show how it calls Celery; {_advise_on_asking(role)}")
    return (*call.program, "inspect", "registered", "--json")


def _address_workers(stack: Stack, role: str) -> tuple[str, ...]:
    """Return options that name the workers to ask; empty if the settings say how to ask.

    Celery waits for as many answers as it names workers, but a whole second if it names none, because nobody knows how
    many there are. A worker may have been given another name: then all have to be asked.
    """
    if stack.settings.get_worker(role).registered:
        return ()
    return ("--destination", ",".join(f"celery@{name}" for name in stack.settings.worker_names))


def _advise_on_asking(role: str) -> str:
    """Return which setting says how to ask for jobs."""
    return (
        f"set roles.{role}.registered to a command that prints its jobs, as `celery --app … inspect registered --json`"
    )


def _limit(stack: Stack) -> float:
    return stack.settings.smoke.timeout_seconds


def list_registered_jobs(stack: Stack, role: str) -> dict[str, list[str]]:
    """Ask until a worker of the role answers or the time is up; return the jobs that each of its workers knows.

    Each question gets as long as all together: importing the application may take most of that.
    """
    limit, command = _limit(stack), _build_inspection(stack, role)
    deadline, address = time.monotonic() + limit, _address_workers(stack, role)
    while True:
        asked, address = (*command, *address), ()
        try:
            found = json.loads(inside.run(stack, asked, limit, role=role))
        except (CheckFailed, ValueError) as error:
            reason = str(error)
        else:
            stack.observed.answered[command] = found if _is_jobs(found) else {}
            if _is_jobs(found) and (own := _select_own(stack, role, found)):
                return own
            reason = (
                "none answered"
                if found == {}
                else f"only {', '.join(found)} answered"
                if _is_jobs(found)
                else f"it printed {stack.mask(str(found))[:80]}, not worker -> names of jobs"
            )
        if time.monotonic() > deadline:
            logged = stack.find_error(role)
            said = f"says: {logged}" if logged else f"ends: {find_last_line(stack.read_log(role))}"
            raise CheckFailed(
                f"no worker answers through the broker after {limit:g} s ({reason}); its log {said}; "
                f"does it reach the broker that its environment names, and does `{' '.join(command)}` ask there? "
                f"roles.{role}.registered replaces that command"
            )
        stack.pause()


def begin_job(stack: Stack, role: str, slow_job: Sequence[str]) -> str:
    """Send a job that takes some seconds; return its id once the worker's log names it.

    If another container runs a worker, too, as under a supervisor, that may take a job first: then another is sent. So
    is one if the job has ended before we looked, as on a busy machine.
    """
    limit = _limit(stack)
    job = _send_job(stack, role, slow_job)
    deadline, tries = time.monotonic() + limit, _TRIES
    others = [name for name in stack.settings.roles if name != role]
    while True:
        log = stack.read_log(role, _LOG_LINES)
        if job in log:
            tries -= 1
            if not tries or not has_ended(log.splitlines(), job):
                return job
            job = _send_job(stack, role, slow_job)
            continue
        if time.monotonic() > deadline:
            cause = queues_in_broker.describe_unconsumed(stack) or "let it log at INFO (--loglevel INFO)"
            raise CheckFailed(f"the worker's log does not name job {job} after {limit:g} s; {cause}")
        if any(job in stack.read_log(name, _LOG_LINES) for name in others):
            job = _send_job(stack, role, slow_job)
        stack.pause()


def has_ended(log: Iterable[str], job: str) -> bool:
    """Tell whether a worker has logged that a job succeeded, in Celery's words (celery.app.trace, LOG_SUCCESS)."""
    return any(job in line and _SUCCEEDED in line for line in log)


def _send_job(stack: Stack, role: str, slow_job: Sequence[str]) -> str:
    job = inside.run(stack, slow_job, _limit(stack), role=role)
    if job == NOTHING:
        raise CheckFailed(f"`{' '.join(slow_job)}` printed no id; let roles.{role}.slow_job print that of its job last")
    return job


def _is_named(nodes: Mapping[str, object], role: str) -> bool:
    """Tell whether these workers are certainly those of a role, and not just nobody else's."""
    return bool(nodes) and all(name.partition("@")[2] == role for name in nodes)


def _is_jobs(value: object) -> bool:
    """Tell whether parsed JSON is an object of lists of names that is not empty."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(jobs, list) and all(isinstance(job, str) for job in jobs) for jobs in value.values())
    )
