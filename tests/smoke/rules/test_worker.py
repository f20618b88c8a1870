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
    assert worker.ready(stack) == "celery@one answered through Redis"
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
    assert reason.startswith("no worker answers through Redis after 0.01 s (")
    assert f"{why}); its log ends: I am deaf;" in reason


def test_jobs_that_the_api_sends() -> None:
    """Only the name of a job counts, whatever Celery adds; an unknown job is named, with those that are known."""
    stack = stack_on(FakeEngine())
    stack.observed.jobs = KNOWN
    assert worker.registers_its_jobs(stack, ["jobs.weigh"]) == "jobs.weigh among 2"
    reason = refused(lambda: worker.registers_its_jobs(stack, ["jobs.clean", "jobs.new"]))
    assert reason.startswith("the worker does not know jobs.new, which the API sends; it knows jobs.clean, jobs.weigh;")
