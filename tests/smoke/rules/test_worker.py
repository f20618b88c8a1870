"""The worker at work, for what its image's command and its log say."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.support.fakes import PROCESS, RUNNING, FakeEngine, refused, seen_by_probe, stack_of, stack_on, with_roles
from weighbridge.smoke.rules import worker

KNOWN = {"celery@one": ["jobs.weigh [rate_limit=10/m]", "jobs.clean"]}


def test_worker_that_answers() -> None:
    """The worker's jobs are stored for later rules, and so is how long its start took."""
    engine = FakeEngine(
        replace(RUNNING, started_at=1767225599.0), log="it is ready.", outputs=[f"0 {json.dumps(KNOWN)}"]
    )
    stack = stack_on(engine)
    assert worker.ready(stack, "worker") == "celery@one answered through the broker"
    assert stack.observed.jobs == {"worker": KNOWN}
    assert stack.observed.ready_seconds == {"worker": 2.0}


def test_worker_is_asked_again() -> None:
    """The rule asks again if the broker is not there yet, or no worker answers."""
    outputs = ["1 no broker", "0 {}", "0 warning", f"0 {json.dumps(KNOWN)}"]
    engine = FakeEngine(outputs=outputs)
    assert worker.list_registered_jobs(stack_on(engine, timeout_seconds=5), "worker") == KNOWN
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
    reason = refused(lambda: worker.list_registered_jobs(stack, "worker"))
    assert reason.startswith("no worker answers through the broker after 0.01 s (")
    assert f"{why}); its log ends: I am deaf;" in reason


def test_jobs_that_the_api_sends() -> None:
    """Only the name of a job counts, whatever Celery adds; an unknown job is named, with those that are known."""
    stack = stack_on(FakeEngine())
    stack.observed.jobs["worker"] = KNOWN
    assert worker.registers_its_jobs(stack, "worker", ["jobs.weigh"]) == "jobs.weigh among 2"
    reason = refused(lambda: worker.registers_its_jobs(stack, "worker", ["jobs.clean", "jobs.new"]))
    assert reason.startswith("the worker does not know jobs.new, which the API sends; it knows jobs.clean, jobs.weigh;")


def test_time_for_an_answer() -> None:
    """The command that asks may take as long as the settings allow a role to become healthy."""
    engine = FakeEngine(outputs=[f"0 {json.dumps(KNOWN)}"])
    worker.list_registered_jobs(stack_on(engine, timeout_seconds=70), "worker")
    (command,) = engine.commands
    assert command[5] == "70"


def test_error_of_a_worker_that_does_not_answer() -> None:
    """The reason has the error that the worker logged, not the last line of its log."""
    log = (
        "[: ERROR/MainProcess] consumer: Cannot connect to amqp://guest@localhost:5672//: refused.\nTrying again in 2 s"
    )
    stack = stack_on(FakeEngine(errors=log, outputs=["0 {}"] * 30))
    reason = refused(lambda: worker.list_registered_jobs(stack, "worker"))
    assert "(none answered); its log says: [: ERROR/MainProcess] consumer: Cannot connect to amqp://" in reason


def test_slow_job_without_an_id() -> None:
    """A command that prints no id is the fault, and nothing is looked for in the log."""
    engine = FakeEngine(log="(no output)", outputs=["0 \n"])
    reason = refused(lambda: worker.begin_job(stack_on(engine), "worker", ["call", "it"]))
    assert reason == "`call it` printed no id; let roles.worker.slow_job print that of its job last"


def test_slow_job_in_a_queue_of_its_own() -> None:
    """A job that waits in a queue that no worker takes jobs from is reported as that, and not as a missing log line."""
    waiting = f"0 {json.dumps([[['slow', 1]], []])}"
    engine = FakeEngine(outputs=["0 job-1", *[waiting] * 3])
    reason = refused(lambda: worker.begin_job(stack_on(engine), "worker", ["call"]))
    assert reason == (
        "the worker's log does not name job job-1 after 0.01 s; no worker takes the jobs that wait in queue slow (1); "
        "add --queues slow to roles.worker.command, or send the jobs to a queue that a worker takes jobs from"
    )


def test_slow_job_that_a_worker_beside_the_api_takes() -> None:
    """If the log of the API's container names the job, a worker there has it, and another one is sent."""

    class TwoWorkers(FakeEngine):
        def read_log(self, container: str, lines: int | None, *, times: bool = False) -> str:
            self.text = "job-1 received" if container.endswith("-api") else "job-2 received"
            return super().read_log(container, lines, times=times)

    engine = TwoWorkers(outputs=["0 job-1", "0 job-2"])
    assert worker.begin_job(stack_on(engine, timeout_seconds=5), "worker", ["call"]) == "job-2"


def test_slow_job_that_was_too_fast() -> None:
    """A job that had succeeded before anybody looked shows nothing, so another one is sent; but not for ever."""

    class Late(FakeEngine):
        def read_log(self, container: str, lines: int | None, *, times: bool = False) -> str:
            sent = sum("call" in command for command in self.commands)
            self.text = f"Task t[job-{sent}] received" + (
                "" if sent > self.slow else f"\nTask t[job-{sent}] succeeded in 1s"
            )
            return super().read_log(container, lines, times=times)

        slow = 1

    engine = Late(outputs=["0 job-1", "0 job-2"])
    assert worker.begin_job(stack_on(engine, timeout_seconds=5), "worker", ["call"]) == "job-2"
    engine = Late(outputs=[f"0 job-{number}" for number in range(1, 10)])
    engine.slow = 9
    assert worker.begin_job(stack_on(engine, timeout_seconds=5), "worker", ["call"]) == "job-5"


QUEUES = {"command": ["celery", "-A", "shop", "worker", "-Q", "mail,texts"]}
BROKER = {"broker": {"image": "rabbitmq:4"}}


def counted(count: int, node: str = "celery@worker") -> str:
    """Return what Celery prints of its statistics, after its exit code."""
    return f"0 {json.dumps({node: {'total': {'celery.accumulate': count, 'shop.price': 9}}})}"


def test_queues_of_the_command() -> None:
    """A job is sent to each queue, and counts as done once the worker's own count has grown."""
    engine = FakeEngine(outputs=["0 id-1", counted(0), counted(1), "0 id-2", counted(2)])
    stack = stack_on(engine, worker=QUEUES, timeout_seconds=5)
    assert worker.takes_jobs_from_its_queues(stack, "worker") == "did a job from mail, texts"
    sent = [command[command.index("--queue") + 1] for command in engine.commands if "--queue" in command]
    assert sent == ["mail", "texts"]
    asked = [command[6:] for command in engine.commands if "stats" in command]
    assert asked[0] == ("celery", "--app", "shop", "inspect", "stats", "--json")


def test_queues_of_the_settings_go_first() -> None:
    """If the settings name queues, those of the command are not asked."""
    engine = FakeEngine(outputs=["0 id-1", counted(1)])
    stack = stack_on(engine, worker={**QUEUES, "queues": ["own"]}, timeout_seconds=5)
    assert worker.takes_jobs_from_its_queues(stack, "worker") == "did a job from own"


def test_queue_that_nobody_takes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """After several tries the queue is named, with what is known of it."""
    monkeypatch.setattr(worker, "_ARRIVAL_SECONDS", 0.0)
    engine = FakeEngine(outputs=["0 id", counted(0)] * worker._TRIES)
    reason = refused(lambda: worker.takes_jobs_from_its_queues(stack_on(engine, worker=QUEUES, services={}), "worker"))
    assert reason == (
        "no job that was sent to the queue mail reached worker; does its command name it (--queues mail)?"
    )


def test_job_that_another_worker_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another worker shares the queue, it may take the first job, which does not count: one more is sent."""
    monkeypatch.setattr(worker, "_ARRIVAL_SECONDS", 0.0)
    both = with_roles({"worker": {**QUEUES, "queues": ["mail"]}, "mails": {"kind": "worker", **QUEUES}})
    told = ["0 id-1", counted(3, "celery@mails"), "0 id-2", counted(1)]
    engine = FakeEngine(outputs=[counted(2, "celery@mails"), *told])
    assert worker.takes_jobs_from_its_queues(stack_of(engine, both), "worker") == "did a job from mail"
    assert not engine.outputs


def test_command_that_does_not_show_celery() -> None:
    """Then the processes in the container show it; if they do not, either, the advice is to set a command."""
    script, hidden = {"command": ["/start.sh"], "queues": ["mail"]}, {**PROCESS, "command": ["/bin/sh", "/start.sh"]}
    shown = {**PROCESS, "pid": 7, "command": ["/usr/bin/python", "-m", "celery", "-A", "shop", "worker"]}
    engine = FakeEngine(outputs=[seen_by_probe(processes=[hidden, shown]), "0 id-1", counted(1)])
    stack = stack_on(engine, worker=script, timeout_seconds=5)
    assert worker.takes_jobs_from_its_queues(stack, "worker") == "did a job from mail"
    assert engine.commands[1][6:11] == ("/usr/bin/python", "-m", "celery", "--app", "shop")
    silent = stack_on(FakeEngine(outputs=[seen_by_probe(processes=[hidden])]), worker=script)
    assert refused(lambda: worker.takes_jobs_from_its_queues(silent, "worker")).startswith(
        "the role's command does not show how it calls Celery; set roles.worker.registered to a command that prints"
    )


def test_application_of_the_command_is_asked() -> None:
    """With services of the settings, workers are asked through the broker of the application that they run."""
    engine = FakeEngine(outputs=[f"0 {json.dumps(KNOWN)}"])
    stack = stack_on(engine, worker=QUEUES, services=BROKER)
    assert worker.list_registered_jobs(stack, "worker") == KNOWN
    command = ("celery", "--app", "shop", "inspect", "registered", "--json")
    assert engine.commands[0][6:] == (*command, "--destination", "celery@worker")


def test_worker_of_another_name() -> None:
    """The workers of the roles are asked by name first, which is soon answered, then all that there are."""
    engine = FakeEngine(outputs=["69 Error: No nodes replied within time constraint", f"0 {json.dumps(KNOWN)}"])
    stack = stack_of(engine, with_roles({"worker": {}, "mails": {"kind": "worker"}}, timeout_seconds=5))
    assert worker.list_registered_jobs(stack, "worker") == KNOWN
    first, second = (command[6:] for command in engine.commands)
    assert first == (*second, "--destination", "celery@worker,celery@mails")
    asks = {"registered": ["./jobs"]}
    own = FakeEngine(outputs=[f"0 {json.dumps(KNOWN)}"])
    worker.list_registered_jobs(stack_on(own, worker=asks), "worker")
    assert own.commands[0][6:] == ("./jobs",)


def test_workers_of_several_roles() -> None:
    """Each role has the workers of its own host; those of no role's host count for a role that has none."""
    found = {"celery@worker": ["a"], "celery@mails": ["b"], "celery@elsewhere": ["c"]}
    roles = with_roles({"worker": {}, "mails": {"kind": "worker"}, "texts": {"kind": "worker"}})
    for role, own in (("worker", "celery@worker"), ("mails", "celery@mails"), ("texts", "celery@elsewhere")):
        stack = stack_of(FakeEngine(outputs=[f"0 {json.dumps(found)}"]), roles)
        assert [*worker.list_registered_jobs(stack, role)] == [own]


def test_only_other_workers_answer() -> None:
    """If only workers of other roles answer, they are named."""
    roles = with_roles({"worker": {}, "mails": {"kind": "worker"}})
    stack = stack_of(FakeEngine(outputs=[f"0 {json.dumps({'celery@mails': ['b']})}"] * 30), roles)
    reason = refused(lambda: worker.list_registered_jobs(stack, "worker"))
    assert "(only celery@mails answered)" in reason


def test_workers_are_asked_once() -> None:
    """What all workers have answered counts for the next role, too, if its own worker is among them."""
    roles = with_roles({name: {"kind": "worker"} for name in "abc"})
    answers = [{f"celery@{name}": ["job"] for name in names} for names in ("ab", "abc")]
    engine = FakeEngine(outputs=[f"0 {json.dumps(each)}" for each in answers])
    stack = stack_of(engine, roles)
    assert [worker.ready(stack, role).partition(" ")[0] for role in "abc"] == ["celery@a", "celery@b", "celery@c"]
    assert len(engine.commands) == 2


def test_one_of_several_workers_of_the_default_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that names no queue is sent jobs by their own way, until it has done one more than before."""
    monkeypatch.setattr(worker, "_ARRIVAL_SECONDS", 0.001)
    both = with_roles(
        {name: {"kind": "worker", "command": ["celery", "-A", "x", "worker"]} for name in ("worker", "b")}
    )
    counts = [2, 2, 2, 3]  # before, twice after a job that the other one takes, and after the next
    stats = [f"0 {json.dumps({'celery@worker': {'total': {'celery.accumulate': count}}})}" for count in counts]
    engine = FakeEngine(outputs=[stats[0], "0 id", stats[1], stats[2], "0 id", stats[3]])
    assert worker.takes_jobs_from_its_queues(stack_of(engine, both), "worker") == "did a job from its default queue"
    sent = [command[6:] for command in engine.commands if "call" in command]
    assert sent == [("celery", "--app", "x", "call", "celery.accumulate", "--args", "[1]")] * 2
