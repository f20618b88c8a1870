"""How containers start: what rules wait for, how a role may end before it serves, and what its health check says."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.support.fakes import RUNNING, FakeEngine, exited, refused, stack_on, with_image
from weighbridge.errors import EngineFault
from weighbridge.model.container import CommandResult, ContainerState
from weighbridge.smoke.rules import start

HEALTH_CHECK = ("CMD", "check", "it")
ROLES = ("api", "worker")


def judge_health(role: str, output: str) -> str:
    """Return why a role is not healthy whose health check always ends with this code and output."""
    stack = with_image(stack_on(FakeEngine(outputs=[output] * 30)), health_check=HEALTH_CHECK)
    start.starts(stack, role)
    return refused(lambda: start.becomes_healthy(stack, role))


def test_health_may_be_bad_on_the_way() -> None:
    """The rule waits while the health check fails, or its program does not exist yet."""
    engine = FakeEngine(outputs=["1 not yet", "127 what?", "0 fine"])
    stack = with_image(stack_on(engine, timeout_seconds=5), health_check=HEALTH_CHECK)
    start.starts(stack, "api")
    assert engine.commands == [("check", "it")] * 3
    assert start.becomes_healthy(stack, "api") == "its health check says: fine"


def test_worker_that_says_that_it_is_ready() -> None:
    """The next check of a worker comes as soon as its log says that it takes jobs, however long the last one took."""

    class Slow(FakeEngine):
        def execute(self, *arguments: Any) -> CommandResult:
            if not self.commands:
                time.sleep(1)
            found = super().execute(*arguments)
            self.text = "celery@worker ready."
            return found

        def read_log(self, container: str, lines: int | None, *, times: bool = False) -> str:
            self.looks += 1
            return "" if self.looks == 1 else super().read_log(container, lines, times=times)

        looks = 0

    engine = Slow(outputs=["1 no", "0 yes"])
    start.starts(with_image(stack_on(engine, timeout_seconds=9), health_check=HEALTH_CHECK), "worker")
    assert len(engine.commands) == 2
    assert engine.looks < 10, "three seconds have thirty looks"


def test_without_a_health_check() -> None:
    """Without a health check, the rule waits for a moment in which the container might end."""
    engine = FakeEngine()
    for none in ((), ("NONE",)):
        start.starts(with_image(stack_on(engine, timeout_seconds=5), health_check=none), "api")
    assert engine.commands == []


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (FakeEngine(exited(3), log="a\nb\n\n"), "exited with code 3 before it was healthy: b; see its log"),
        (
            FakeEngine(exited(127), log="no uvicorn"),
            "no uvicorn; correct roles.api.command or the image's CMD and PATH",
        ),
        (
            FakeEngine(exited(137, out_of_memory=True)),
            "it reached its limit of 512 MiB of memory; let it take less, or raise roles.api.memory",
        ),
        (FakeEngine(exited(1), log="RuntimeError: can't start new thread"), "raise roles.api.processes, which is 128"),
        (FakeEngine(exited(0)), "(no output); if it went to the background, let it run in the foreground; see its log"),
        (
            FakeEngine(exited(1), log="OSError: libmagic.so.1: cannot open shared object file: No such file"),
            "No such file; install the package that has libmagic.so.1 in the final stage",
        ),
        (
            FakeEngine(exited(1), log="Error loading shared library libpq.so.5: No such file (needed by /x)"),
            "(needed by /x); install the package that has libpq.so.5 in the final stage",
        ),
    ],
)
def test_role_that_ends(engine: FakeEngine, words: str) -> None:
    """The reason says how the container ended, and what to do."""
    assert words in refused(lambda: start.starts(stack_on(engine), "api"))


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("celery", "worker", "--detach"), "--detach"),
        (("sh", "-c", "gunicorn -D app:app"), "-D"),
        (("gunicorn", "--daemon", "app:app"), "--daemon"),
    ],
)
def test_role_that_detaches(command: tuple[str, ...], option: str) -> None:
    """An option that sends the program to the background is the cause if the container ends without an error."""
    stack = with_image(stack_on(FakeEngine(exited(0), log="started")), command=command)
    assert refused(lambda: start.starts(stack, "api")) == (
        f"{option} sent it to the background: the container's main process exited at once, with code 0, and the "
        f"container ended with it; leave {option} out of roles.api.command or the image's CMD, so that it runs in the "
        "foreground"
    )
    failing = with_image(stack_on(FakeEngine(exited(1), log="no broker")), command=command)
    assert refused(lambda: start.starts(failing, "api")).endswith(": no broker; see its log")


@pytest.mark.parametrize(
    ("output", "program"),
    [
        ("127 /bin/sh: 1: curl: not found", "curl"),
        ("1 /bin/sh: curl: not found", "curl"),
        ("127 bash: line 1: wget: command not found", "wget"),
        ('126 OCI runtime exec failed: exec: "curl": executable file not found in $PATH: unknown', "curl"),
        ('127 OCI runtime exec failed: exec: "/bin/wget": stat /bin/wget: no such file or directory', "/bin/wget"),
    ],
)
def test_health_check_whose_program_is_missing(output: str, program: str) -> None:
    """The reason names the program, and a check that needs no other than the role's own."""
    assert judge_health("api", output) == (
        f"its health check runs {program}, which the image does not have; install that in the final stage, or check "
        "with a program that the image has, such as "
        "`python -c \"import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez')\"`"
    )
    assert judge_health("worker", output).endswith("such as `celery --app … inspect ping`")


@pytest.mark.parametrize("output", ["1 HTTP Error 404: Not Found", "1 GET /x: not found", "1 curl: (22) 404"])
def test_health_check_that_reports_something_not_found(output: str) -> None:
    """What a program of the image did not find is no missing program."""
    assert f"its health check says: {output[2:]}; " in judge_health("api", output)


def test_never_healthy() -> None:
    """The reason has the last line of the health check, and how long the rule has waited."""
    assert "not healthy after 0.01 s, its health check says: y;" in judge_health("api", "1 x\ny")


@pytest.mark.parametrize("words", ["OSError: [Errno 30] Read-only file system: '/app/x'", "EROFS: open /app/x"])
def test_role_that_needs_a_writable_root(words: str) -> None:
    """If a role ends because it cannot write, another rule than `starts` fails and says so."""
    stack = stack_on(FakeEngine(exited(1), log=f"Traceback\n{words}\nbye"))
    start.starts(stack, "api")
    reason = refused(lambda: start.runs_on_read_only_root(stack, "api"))
    assert reason == f"exited with code 1: {words}; write only to /tmp or /data"


def test_health_check_that_never_fails() -> None:
    """A health check must fail where its role does not run; the shell form runs in the image's shell."""
    engine = FakeEngine(outputs=["1 refused\n", "1 no beat", "1 no", "0 fine"])
    stack = with_image(stack_on(engine), health_check=HEALTH_CHECK)
    told = start.health_check_can_fail(stack, ROLES)
    assert told == "where no api runs: refused; where no worker runs: no beat"
    shell = with_image(stack, health_check=("CMD-SHELL", "curl x"))
    reason = refused(lambda: start.health_check_can_fail(shell, ROLES))
    assert reason.startswith("the health check passes where no worker runs")
    assert "only waits; let it look for the worker's sign of life" in reason
    assert engine.commands == [("check", "it")] * 2 + [("/bin/sh", "-c", "curl x")] * 2
    assert set(engine.removed) == {spec.name for spec in engine.specs}


def test_idle_container_is_the_roles_but_for_what_runs() -> None:
    """The idle container has the role's environment, and its command line ends with that of the role."""
    engine = FakeEngine(outputs=["1 no"] * 2)
    stack = stack_on(engine, {"environment": {"ROLE": "api"}})
    image = {"health_check": HEALTH_CHECK, "entrypoint": ("run",), "command": ("serve", "--port", "80")}
    start.health_check_can_fail(with_image(stack, **image), ROLES)
    api, worker = engine.specs
    assert api.command == worker.command == ("run", "serve", "--port", "80")
    assert api.entrypoint[0] == "python"
    assert (api.environment.get("ROLE"), worker.environment.get("ROLE")) == ("api", None)


def test_start_of_the_worker_is_noted() -> None:
    """The worker's start ends with the engine's time of Celery's ready line; without that line there is no figure."""
    engine = FakeEngine(replace(RUNNING, started_at=1767225600.25), log="a\ncelery@x ready.\nb")
    stack = stack_on(engine)
    start.note_worker_start(stack, "worker")
    assert stack.observed.ready_seconds == {"worker": 0.75}
    silent = stack_on(FakeEngine(RUNNING, log="a"))
    start.note_worker_start(silent, "worker")
    assert silent.observed.ready_seconds == {}


def test_interpreter_of_another_name() -> None:
    """If the image has only python3, it is used, and the container that did not start is removed."""
    engine = FakeEngine(outputs=["127 no python", "127 no python3", "127 no python", "0 3 13 5"])
    stack = stack_on(engine)
    assert start.has_python(stack, "good") == "Python 3.13.5"
    assert [spec.entrypoint[0] for spec in engine.specs] == ["python", "python3"]
    assert engine.removed == [engine.specs[0].name]
    assert stack.get_interpreters("client") == stack.get_interpreters("api") == ("python3",)


@pytest.mark.parametrize(
    ("warnings", "told"),
    [
        ((), ""),
        (("Your kernel does not support swap limit capabilities. Memory limited without swap.",), ""),
        (("a. Limitation discarded.", "b. PIDs limit discarded."), "a. Limitation discarded. b. PIDs limit discarded."),
    ],
)
def test_limits_that_are_not_enforced(warnings: tuple[str, ...], told: str) -> None:
    """Limits that the engine does not enforce are reported; its other warnings are not."""
    engine = FakeEngine()
    engine.warnings = warnings
    name = "weighbridge-00000000-1-00000000-api"
    assert start.starts(stack_on(engine), "api") == (
        f"{name}; limits not enforced by this engine: {told}" if told else name
    )


BEAT = """[2026-01-01 00:00:00,440: INFO/Beat] beat: Starting...
[2026-01-01 00:00:00,445: ERROR/Beat] Removing corrupted schedule file 'celerybeat-schedule': {}
[2026-01-01 00:00:00,450: INFO/MainProcess] celery@x ready."""
"""What Celery 5.7 logs with `worker -B` if it cannot write to its working folder."""


@pytest.mark.parametrize("state", [RUNNING, exited(1)])
@pytest.mark.parametrize("error", ["error('unable to open database file')", "OSError(30, 'Read-only file system')"])
def test_schedule_of_celery_beat(error: str, state: ContainerState) -> None:
    """A beat inside a worker that cannot write its schedule is found, whatever the error, while the worker runs on."""
    stack = stack_on(FakeEngine(state, errors=BEAT.format(error)))
    reason = refused(lambda: start.runs_on_read_only_root(stack, "worker"))
    assert reason.startswith("Celery's beat cannot write its schedule: [2026-01-01 00:00:00,445: ERROR/Beat] Removing")
    assert reason.endswith(
        f"{error}; add --schedule /tmp/celerybeat-schedule to roles.worker.command or the image's CMD"
    )
    if state is not RUNNING:
        assert start.starts(stack, "worker")  # so that only one rule fails


def test_part_that_ends_on_a_read_only_root() -> None:
    """If a part of a running role could not write, the reason is its exception; a warning does not fail the rule."""
    log = "Process X:\nTraceback (most recent call last):\n  x\nOSError: [Errno 30] Read-only file system: '/app/x'"
    reason = refused(lambda: start.runs_on_read_only_root(stack_on(FakeEngine(errors=log)), "api"))
    assert reason == (
        "a part of it failed: OSError: [Errno 30] Read-only file system: '/app/x'; write only to /tmp or /data"
    )
    warning = stack_on(FakeEngine(errors="WARNING: no cache in /home: Read-only file system"))
    assert start.runs_on_read_only_root(warning, "api") == "running"
    without_data = stack_on(FakeEngine(errors=log), data=None)
    assert refused(lambda: start.runs_on_read_only_root(without_data, "api")).endswith("write only to /tmp")


def test_error_beside_a_failing_health_check() -> None:
    """Beside what the health check says stands the error that the role logged."""
    log = "[: ERROR/MainProcess] consumer: Cannot connect to amqp://guest@127.0.0.1:5672//: refused.\nTrying again"
    stack = with_image(stack_on(FakeEngine(errors=log, outputs=["1 no heartbeat"] * 30)), health_check=HEALTH_CHECK)
    start.starts(stack, "worker")
    reason = refused(lambda: start.becomes_healthy(stack, "worker"))
    assert (
        "its health check says: no heartbeat; its log says: [: ERROR/MainProcess] consumer: Cannot connect to" in reason
    )
    assert "refused.; fix what it reports" in reason


def test_exception_of_a_role_that_ends() -> None:
    """What a role wrote to standard error goes before what was flushed to its standard output afterwards."""
    engine = FakeEngine(exited(1), log="('HOME', '/')", errors="no way to reach the database")
    reason = refused(lambda: start.starts(stack_on(engine), "api"))
    assert reason == "exited with code 1 before it was healthy: no way to reach the database; see its log"


def test_idle_container_that_ends() -> None:
    """If the container that only waits has ended, nothing was checked, and that is the reason."""
    engine = FakeEngine(exited(2), errors="exec format error", outputs=[EngineFault("not running")])
    stack = with_image(stack_on(engine), health_check=HEALTH_CHECK)
    reason = refused(lambda: start.health_check_can_fail(stack, ROLES))
    assert reason == "a container of api that only waits has ended, so nothing was checked: exec format error"
    assert len(engine.removed) == 1
