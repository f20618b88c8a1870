"""The worker at work, for what its image's command and its log say."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.support.fakes import RUNNING, FakeEngine, refused, stack_on
from weighbridge.smoke.rules import worker

KNOWN = {"celery@one": ["jobs.weigh [rate_limit=10/m]", "jobs.clean"]}


def test_worker_that_answers() -> None:
    """The worker's jobs are stored for later rules, and so is how long its start took."""
    engine = FakeEngine(
        replace(RUNNING, started_at=1767225599.0), log="it is ready.", outputs=[f"0 {json.dumps(KNOWN)}"]
    )
    stack = stack_on(engine)
    assert worker.ready(stack) == "celery@one answered through the broker"
    assert stack.observed.jobs == KNOWN
    assert stack.observed.worker_ready_seconds == 2.0


def test_worker_is_asked_again() -> None:
    """The rule asks again if the broker is not there yet, or no worker answers."""
    outputs = ["1 no broker", "0 {}", "0 warning", f"0 {json.dumps(KNOWN)}"]
    engine = FakeEngine(outputs=outputs)
    assert worker.list_registered_jobs(stack_on(engine, timeout_seconds=5)) == KNOWN
    assert len(engine.commands) == len(outputs)


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("0 {}", "none answered"),
        ("0 [1]", "it printed [1], not worker -> names of jobs"),
        ('0 {"celery@one": "jobs.weigh"}', "it printed {'celery@one': 'jobs.weigh'}, not worker -> names of jobs"),
        ("69 no broker", "failed with code 69: no broker"),
    ],
)
def test_nobody_answers(output: str, why: str) -> None:
    """The reason has the last attempt and the end of the worker's log on one line."""
    stack = stack_on(FakeEngine(log="a\nI am deaf", outputs=[output] * 30))
    reason = refused(lambda: worker.list_registered_jobs(stack))
    assert reason.startswith("no worker answers through the broker after 0.01 s (")
    assert f"{why}); its log ends: I am deaf;" in reason


def test_jobs_that_the_api_sends() -> None:
    """Only the name of a job counts, whatever Celery adds; an unknown job is named, with those that are known."""
    stack = stack_on(FakeEngine())
    stack.observed.jobs = KNOWN
    assert worker.registers_its_jobs(stack, ["jobs.weigh"]) == "jobs.weigh among 2"
    reason = refused(lambda: worker.registers_its_jobs(stack, ["jobs.clean", "jobs.new"]))
    assert reason.startswith("the worker does not know jobs.new, which the API sends; it knows jobs.clean, jobs.weigh;")


def test_time_for_an_answer() -> None:
    """The command that asks may take as long as the settings allow a role to become healthy."""
    engine = FakeEngine(outputs=[f"0 {json.dumps(KNOWN)}"])
    worker.list_registered_jobs(stack_on(engine, timeout_seconds=70))
    (command,) = engine.commands
    assert command[5] == "70"


def test_error_of_a_worker_that_does_not_answer() -> None:
    """The reason has the error that the worker logged, not the last line of its log."""
    log = (
        "[: ERROR/MainProcess] consumer: Cannot connect to amqp://guest@localhost:5672//: refused.\nTrying again in 2 s"
    )
    stack = stack_on(FakeEngine(errors=log, outputs=["0 {}"] * 30))
    reason = refused(lambda: worker.list_registered_jobs(stack))
    assert "(none answered); its log says: [: ERROR/MainProcess] consumer: Cannot connect to amqp://" in reason


def test_slow_job_without_an_id() -> None:
    """A command that prints no id is the fault, and nothing is looked for in the log."""
    engine = FakeEngine(log="(no output)", outputs=["0 \n"])
    reason = refused(lambda: worker.begin_job(stack_on(engine), ["call", "it"]))
    assert reason == "`call it` printed no id; let roles.worker.slow_job print that of its job last"


def test_slow_job_in_a_queue_of_its_own() -> None:
    """A job that waits in a queue that no worker takes jobs from is reported as that, and not as a missing log line."""
    waiting = f"0 {json.dumps([[['slow', 1]], []])}"
    engine = FakeEngine(outputs=["0 job-1", *[waiting] * 3])
    reason = refused(lambda: worker.begin_job(stack_on(engine), ["call"]))
    assert reason == (
        "the worker's log does not name job job-1 after 0.01 s; no worker takes the jobs that wait in queue slow (1); "
        "add --queues slow to roles.worker.command, or send the jobs to a queue that the worker takes jobs from"
    )


def test_slow_job_that_a_worker_beside_the_api_takes() -> None:
    """If the log of the API's container names the job, a worker there has it, and another one is sent."""

    class TwoWorkers(FakeEngine):
        def read_log(self, container: str, lines: int | None, *, times: bool = False) -> str:
            self.text = "job-1 received" if container.endswith("-api") else "job-2 received"
            return super().read_log(container, lines, times=times)

    engine = TwoWorkers(outputs=["0 job-1", "0 job-2"])
    assert worker.begin_job(stack_on(engine, timeout_seconds=5), ["call"]) == "job-2"
