"""A role that sends jobs by a schedule: what it has sent, or sends when it is told that something is due."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fakes import RUNNING, FakeEngine, exited, refused, stack_of, with_image, with_roles
from weighbridge.model.container import ContainerState
from weighbridge.smoke.rules import beat
from weighbridge.smoke.stack.containers import Stack

SENT = "[2026-01-01 00:00:00,000: INFO/MainProcess] Scheduler: Sending due task tidy up (jobs.clean)"
CLEANUP = SENT.replace("tidy up", "celery.backend_cleanup").replace("jobs.clean", "celery.backend_cleanup")
COMMAND = ("celery", "-A", "jobs", "beat", "--max-interval", "5")


class Beat(FakeEngine):
    """An engine in which the role and the container beside it have logs of their own."""

    def __init__(self, role: str, beside: str = "", state: ContainerState = RUNNING) -> None:
        super().__init__(state)
        self.logs = {"beat": role, "due-beat": beside}

    def read_log(self, container: str, _lines: int | None, *, times: bool = False) -> str:
        """Return the log of a container."""
        assert not times
        return self.logs[container.rpartition("00000000-")[2]]

    def read_streams(self, container: str, lines: int | None) -> tuple[str, str]:
        """Return the same, as standard error."""
        return "", self.read_log(container, lines)


def stack_with(engine: FakeEngine, command: tuple[str, ...] = COMMAND, **smoke: Any) -> Stack:
    """Return a stack with a role `beat` that runs."""
    stack = stack_of(engine, with_roles({"beat": {"command": command}}, **smoke))
    stack.start("beat")
    return stack


def test_job_that_it_has_sent() -> None:
    """What its log has is enough, and nothing else is started."""
    engine = Beat(f"beat: Starting...\n{SENT}")
    assert beat.sends_a_job(stack_with(engine), "beat") == "sent jobs.clean (entry tidy up)"
    assert len(engine.specs) == 1


def test_job_that_is_due() -> None:
    """If it has nothing to send for now, a second one starts with the same options, and is removed again."""
    engine = Beat("beat: Starting...", f"beat: Starting...\n{SENT}")
    stack = stack_with(engine)
    assert beat.sends_a_job(stack, "beat") == "sent jobs.clean (entry tidy up), which it was told is due"
    second = engine.specs[1]
    assert second.entrypoint[:2] == ("python", "-c")
    assert "is_due" in second.entrypoint[2]
    assert second.command[: len(COMMAND) - 1] == COMMAND[1:]
    assert {"--schedule", "--pidfile"} <= {*second.command[len(COMMAND) - 1 :]}
    assert engine.removed == [second.name]
    assert "Sending due task" in stack.observed.logs["due-beat"]


def test_own_scheduler_in_a_script() -> None:
    """If its command does not show how it calls Celery, no second one can start, and the rule waits for the role."""
    engine = Beat("beat: Starting...")
    reason = refused(lambda: beat.sends_a_job(stack_with(engine, ("/start.sh", "beat")), "beat"))
    assert reason.startswith("beat sent no job within 0.01 s; if its schedule is empty, give it one or remove ")
    assert len(engine.specs) == 1


def test_schedule_without_an_entry() -> None:
    """If the second one sends nothing, either, the reason has the error that it logged, and it is removed."""
    engine = Beat("beat: Starting...", "ERROR: no broker")
    reason = refused(lambda: beat.sends_a_job(stack_with(engine), "beat"))
    assert reason == (
        "beat sent no job within 0.01 s; its log says: ERROR: no broker; if its schedule is empty, give it one or "
        "remove roles.beat; else let it log at INFO"
    )
    assert engine.removed == [engine.specs[1].name]


def test_second_one_that_ends() -> None:
    """The reason is the error that ended it, and not that time was up."""
    engine = Beat("beat: Starting...", "Traceback (most recent call last):\n  x\nKeyError: 'x'", exited(1))
    reason = refused(lambda: beat.sends_a_job(stack_with(engine, timeout_seconds=9), "beat"))
    assert reason == "beat sent no job, and ended with code 1: KeyError: 'x'"


@pytest.mark.parametrize(
    ("jobs", "holds"),
    [
        ({}, True),
        ({"worker": {"celery@worker": ["jobs.clean [rate_limit=1/m]"]}}, True),
        ({"a": {"celery@a": ["jobs.weigh"]}, "b": {"celery@b": ["jobs.clean"]}}, True),
        ({"worker": {"celery@worker": ["jobs.weigh", "jobs.add"]}}, False),
    ],
)
def test_job_that_no_worker_knows(jobs: dict[str, Any], holds: bool) -> None:  # noqa: FBT001 - a column
    """If workers have said which jobs they know, the one that is sent has to be among those of any of them."""
    stack = stack_with(Beat(SENT))
    stack.observed.jobs.update(jobs)
    if holds:
        assert beat.sends_a_job(stack, "beat") == "sent jobs.clean (entry tidy up)"
    else:
        assert refused(lambda: beat.sends_a_job(stack, "beat")) == (
            "beat sends jobs.clean (entry tidy up), which no worker knows; they know jobs.add, jobs.weigh; "
            "correct the schedule, or import the module that defines the job"
        )


def test_job_of_celery_itself() -> None:
    """Every worker knows Celery's own jobs, though none lists them."""
    stack = stack_with(Beat(SENT.replace("jobs.clean", "celery.accumulate")))
    stack.observed.jobs["worker"] = {"celery@worker": ["jobs.weigh"]}
    assert beat.sends_a_job(stack, "beat") == "sent celery.accumulate (entry tidy up)"


@pytest.mark.parametrize("sent", ["beat: Starting...", CLEANUP])
def test_schedule_with_nothing_but_what_celery_adds(sent: str) -> None:
    """A schedule without an entry is empty, though a backend of results makes Celery add its own."""
    reason = refused(lambda: beat.sends_a_job(stack_with(Beat(sent, CLEANUP)), "beat"))
    assert reason == (
        "its schedule has only celery.backend_cleanup, which Celery adds by itself; give it an entry or remove "
        "roles.beat; if it is there for that alone, accept `sends-a-job` in variants.V.accepts"
    )


@pytest.mark.parametrize(("log", "beside"), [(f"{CLEANUP}\n{SENT}", ""), (CLEANUP, f"{CLEANUP}\n{SENT}")])
def test_job_beside_what_celery_adds(log: str, beside: str) -> None:
    """What Celery adds to a schedule does not stand in for the application's entry."""
    assert beat.sends_a_job(stack_with(Beat(log, beside)), "beat").startswith("sent jobs.clean (entry tidy up)")


def test_image_with_another_interpreter() -> None:
    """The second one starts with the interpreter that the image has."""
    engine = Beat("", SENT)
    stack = with_image(stack_with(engine), command=("ignored",))
    stack.observed.interpreters["good"] = "python3"
    beat.sends_a_job(stack, "beat")
    assert engine.specs[1].entrypoint[0] == "python3"
