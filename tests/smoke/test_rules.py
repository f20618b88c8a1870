"""Each rule's verdict and words, on an engine of prepared answers; real containers are in tests/live."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from tests.support.fakes import RUNNING, FakeEngine, Told, contents, exited, settings, stack_on
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoSuchImage, SettingsError
from weighbridge.settings import check
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import api as answering
from weighbridge.smoke.rules import hardening, shutdown, start
from weighbridge.smoke.runner import Trial, check_images, prove
from weighbridge.smoke.stack import inside
from weighbridge.smoke.stack.observations import Arrived, Reply

WRITES = {"/": "EROFS", "/data": "written", "/tmp": "written"}  # noqa: S108 - in a container

PROCESS = {
    "pid": 1,
    "name": "python",
    "started": 100,
    "uids": [10001] * 4,
    "has_capabilities": False,
    "no_new_privileges": True,
}
SERVES = {"protocol": "tcp", "address": "0.0.0.0", "port": 8000}  # noqa: S104 - in a container


def refused(rule: Callable[[], str]) -> str:
    """Return why a rule does not hold."""
    with pytest.raises(CheckFailed) as caught:
        rule()
    return str(caught.value)


def probed(**changes: object) -> FakeEngine:
    """Return an engine in whose container the probe sees, at each look, that all is well, but for the changes."""
    return FakeEngine(outputs=[seen(**changes)] * 9)


def seen(**changes: object) -> str:
    """Return what the probe prints."""
    facts = {
        "processes": [PROCESS],
        "root_is_read_only": True,
        "writes": WRITES,
        "listening": [SERVES],
        "memory_bytes": 1000,
        **changes,
    }
    return f"0 {json.dumps(facts)}"


HEALTH_CHECK = ("CMD", "check", "it")


def test_health_may_be_bad_on_the_way() -> None:
    """Unhealthy is waited out, and so is a program that is not there yet."""
    engine = FakeEngine(outputs=["1 not yet", "127 what?", "0 fine"])
    stack = replace(stack_on(engine, timeout_seconds=5), health_check=HEALTH_CHECK)
    start.starts(stack, "api")
    assert engine.commands == [("check", "it")] * 3
    assert start.becomes_healthy(stack, "api") == "its health check says: fine"


def test_without_a_health_check() -> None:
    """A moment is waited for, in which it might end."""
    engine = FakeEngine()
    for none in ((), ("NONE",)):
        start.starts(replace(stack_on(engine, timeout_seconds=5), health_check=none), "api")
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
    ],
)
def test_role_that_ends(engine: FakeEngine, words: str) -> None:
    """How it ended, and what to do."""
    assert words in refused(lambda: start.starts(stack_on(engine), "api"))


def test_never_healthy() -> None:
    """The last line of what the health check says, and how long that was waited for."""
    stack = replace(stack_on(FakeEngine(outputs=["1 x\ny"] * 30)), health_check=HEALTH_CHECK)
    start.starts(stack, "api")
    assert "not healthy after 0.01 s, its health check says: y;" in refused(lambda: start.becomes_healthy(stack, "api"))


@pytest.mark.parametrize("words", ["OSError: [Errno 30] Read-only file system: '/app/x'", "EROFS: open /app/x"])
def test_role_that_needs_a_writable_root(words: str) -> None:
    """What it wrote where it may not is told by a rule of its own, not as just any end."""
    stack = stack_on(FakeEngine(exited(1), log=f"Traceback\n{words}\nbye"))
    start.starts(stack, "api")
    reason = refused(lambda: start.runs_on_read_only_root(stack, "api"))
    assert reason == f"exited with code 1: {words}; write to /tmp or /data, nothing else is writable"


def test_health_check_that_never_fails() -> None:
    """Run where a role does not, it must say so; the shell form needs the shell that it was written for."""
    engine = FakeEngine(outputs=["1 refused\n", "1 no beat", "1 no", "0 fine"])
    stack = replace(stack_on(engine), health_check=HEALTH_CHECK)
    told = start.health_check_can_fail(stack)
    assert told == "where no api runs: refused; where no worker runs: no beat"
    shell = replace(stack, health_check=("CMD-SHELL", "curl x"))
    reason = refused(lambda: start.health_check_can_fail(shell))
    assert reason.startswith("the health check says healthy where no worker runs")
    assert "wait; let it look for the worker's sign of life" in reason
    assert engine.commands == [("check", "it")] * 2 + [("/bin/sh", "-c", "curl x")] * 2
    assert set(engine.removed) == {spec.name for spec in engine.specs}


def test_idle_container_is_the_roles_but_for_what_runs() -> None:
    """It has the role's environment, and after the interpreter's words all with which the role is started."""
    engine = FakeEngine(outputs=["1 no"] * 2)
    stack = stack_on(engine, {"environment": {"ROLE": "api"}})
    start.health_check_can_fail(
        replace(stack, health_check=HEALTH_CHECK, entrypoint=("run",), command=("serve", "--port", "80"))
    )
    api, worker = engine.specs
    assert api.command == worker.command == ("run", "serve", "--port", "80")
    assert api.entrypoint[0] == "python"
    assert (api.environment.get("ROLE"), worker.environment.get("ROLE")) == ("api", None)


def test_start_of_the_worker_is_noted() -> None:
    """By the engine's time of the line in which Celery says that it is ready; without one there is no figure."""
    engine = FakeEngine(replace(RUNNING, started_at=1767225600.25), log="a\ncelery@x ready.\nb")
    stack = stack_on(engine)
    start.note_worker_start(stack, "worker")
    assert stack.observed.worker_ready_seconds == 0.75
    silent = stack_on(FakeEngine(RUNNING, log="a"))
    start.note_worker_start(silent, "worker")
    assert silent.observed.worker_ready_seconds is None


def test_interpreter_of_another_name() -> None:
    """An image may call it python3 alone; the container that did not start makes room."""
    engine = FakeEngine(outputs=["127 no python", "127 no python3", "127 no python", "0 3 13 5"])
    stack = stack_on(engine)
    assert start.has_python(stack) == "Python 3.13.5"
    assert [spec.entrypoint[0] for spec in engine.specs] == ["python", "python3"]
    assert engine.removed == [engine.specs[0].name]
    assert stack.interpreters == ("python3",)


def test_confined() -> None:
    """No privileges, and only the two folders take files."""
    assert hardening.uid(stack_on(probed()), "api") == "uid 10001, 1 processes; the engine sees 10001"
    assert hardening.holds_no_privileges(stack_on(probed()), "api").startswith("1 processes without")
    told = hardening.root_filesystem_is_read_only(stack_on(probed()), "api")
    assert told == "writing to / fails with EROFS; /tmp and /data take files"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"root_is_read_only": False}, "mounted for writing"),
        ({"writes": {**WRITES, "/": "written"}}, "mounted for writing"),
        ({"writes": {**WRITES, "/srv": "written"}}, "files can be made in /srv; drop that VOLUME"),
        (
            {"writes": {**WRITES, "/data": "EACCES"}},
            "no file can be made in /data: EACCES; let the image's user own it",
        ),
        ({"writes": {"/": "EROFS", "/data": "written"}}, "no file can be made in /tmp: not mounted"),
    ],
)
def test_not_confined(changes: dict[str, object], words: str) -> None:
    """A permission that happens to be missing is not enough: the mount itself must be read-only."""
    assert words in refused(lambda: hardening.root_filesystem_is_read_only(stack_on(probed(**changes)), "api"))


@pytest.mark.parametrize("uids", [[0] * 4, [10001, 0, 10001, 10001], [10001, 10001, 10001, 0]])
def test_process_of_another_user(uids: list[int]) -> None:
    """A second process that runs, or could run again, as somebody else is named, with whom."""
    engine = probed(processes=[PROCESS, {**PROCESS, "pid": 7, "name": "cron", "uids": uids}])
    reason = refused(lambda: hardening.uid(stack_on(engine), "api"))
    assert reason == "`cron` runs as uid 0, not 10001; correct the Dockerfile's USER"


def test_root_outside() -> None:
    """The engine's own machine has the last word on who is root there."""
    engine = probed()
    engine.outside = frozenset({0, 10001})
    assert "runs as its own root" in refused(lambda: hardening.uid(stack_on(engine), "api"))


@pytest.mark.parametrize(
    ("role", "others", "words"),
    [
        ("api", [{"protocol": "tcp", "address": "::", "port": 9}], "listens on tcp :::9 besides 8000"),
        ("api", [{**SERVES, "protocol": "udp"}], "listens on udp 0.0.0.0:8000 besides"),
        ("worker", [], "listens on tcp 0.0.0.0:8000, where a worker needs no port"),
    ],
)
def test_another_listener(role: str, others: list[dict[str, object]], words: str) -> None:
    """Whatever waits for somebody is named, of a worker every port."""
    engine = probed(listening=[SERVES, *others])
    assert words in refused(lambda: hardening.listens_where_declared(stack_on(engine), role))


@pytest.mark.parametrize(
    ("listening", "words"),
    [
        ([{**SERVES, "address": "127.0.0.1"}], "it binds to 127.0.0.1; use --host 0.0.0.0"),
        ([{**SERVES, "address": "::1"}, {**SERVES, "port": 9}], "it binds to 127.0.0.1; use"),
        ([{**SERVES, "address": "::"}], "by IPv4: it binds to :: alone; use --host 0.0.0.0"),
        ([{**SERVES, "port": 80}, {**SERVES, "port": 9}], "nothing listens on 8000, but on 9, 80; correct roles.api"),
        ([{**SERVES, "address": "::"}, SERVES], "GET /livez got no answer: refused; correct roles.api"),
        ([{**SERVES, "protocol": "udp", "port": 9}], "GET /livez got no answer: refused; correct roles.api"),
        ([], "GET /livez got no answer: refused; correct roles.api"),
    ],
)
def test_api_that_nobody_reaches(listening: list[dict[str, object]], words: str) -> None:
    """Where it listens tells why; where that does not, what came of asking."""
    stack = stack_on(probed(listening=listening))
    arrived = Arrived(live_at=None, ready_at=None, live=Reply(error="refused"), ready=Reply())
    assert words in refused(lambda: answering.live(stack, arrived))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"url": "/a/1", "status": 500}, "GET /a/1 answered 500; the API's log says why"),
        ({"url": "/a", "error": "got no answer in 5 s"}, "GET /a got no answer in 5 s; let it answer in time"),
    ],
)
def test_get_that_fails(answer: dict[str, object], reason: str) -> None:
    """A server's error is in its log; of an answer that does not come, nobody has written anything."""
    told = json.dumps({"openapi": "3.1.0", "paths": 2, "gets": [{"url": "/", "status": 404}, answer]})
    stack = stack_on(FakeEngine(outputs=[f"0 {told}"]))
    assert refused(lambda: answering.answers_every_get(stack, "/openapi.json")) == reason


@pytest.mark.parametrize(
    ("line", "is_error"),
    [
        ('{"event": "cannot send mail", "level": "error"}', True),
        ('{"severity":"critical","message":"x"}', True),
        ("ts=1 level=error msg=x", True),
        ("[2026-01-01 00:00:00,000: ERROR/MainProcess] consumer: Cannot connect", True),
        ("Traceback (most recent call last):", True),
        ('{"event": "an error page was served", "level": "info"}', False),
        ("celery worker --log-level=error", False),
        ("INFO: error handlers registered, 0 errors, loglevel: error", False),
    ],
)
def test_lines_that_tell_of_an_error(line: str, *, is_error: bool) -> None:
    """What common loggers write of an error, and no harmless sentence with the word in it."""
    stack = stack_on(FakeEngine(log=line))
    if is_error:
        assert line in refused(lambda: shutdown.no_error_in_logs(stack, ["api"]))
    else:
        assert shutdown.no_error_in_logs(stack, ["api"]) == "1 lines"


def test_listening_where_declared() -> None:
    """The API on its port alone, the worker nowhere."""
    assert hardening.listens_where_declared(stack_on(probed()), "api") == "only on 8000"
    assert hardening.listens_where_declared(stack_on(probed(listening=[])), "worker") == "nowhere"


@pytest.mark.parametrize(
    ("change", "words"),
    [({"has_capabilities": True}, "capabilities are left"), ({"no_new_privileges": False}, "no-new-privileges is not")],
)
def test_privileged_process(change: dict[str, bool], words: str) -> None:
    """One of several is enough, and named."""
    engine = probed(processes=[PROCESS, {**PROCESS, "pid": 7, "name": "cron", **change}])
    assert refused(lambda: hardening.holds_no_privileges(stack_on(engine), "api")).startswith(f"`cron`: {words}")


def test_health_check_that_is_just_started() -> None:
    """The engine's own program becomes the check's after it was seen, or ends; another look finds another one."""
    starting_up = [{**PROCESS, "pid": pid, "name": "runc", "uids": [0] * 4, "has_capabilities": True} for pid in (8, 9)]
    looks = [seen(processes=[PROCESS, each]) for each in starting_up]
    for rule in (hardening.uid, hardening.holds_no_privileges):
        assert rule(stack_on(FakeEngine(outputs=looks)), "api")


def test_probe_that_fails() -> None:
    """The script, its code and the last line of its traceback."""
    reason = refused(lambda: hardening.uid(stack_on(FakeEngine(outputs=["1 a\nMemoryError\n"])), "api"))
    assert reason == "probe.py failed with code 1 inside: MemoryError"


def test_second_interpreter_is_tried() -> None:
    """Some images call it python3 alone; what is missing in both names is told."""
    engine = FakeEngine(outputs=["126 no python", "0 a\nlast\n"])
    assert inside.run(stack_on(engine), ["celery", "call"], 5) == "last"
    assert [command[0] for command in engine.commands] == ["python", "python3"]
    assert engine.commands[1][-3:] == ("5", "celery", "call")
    engine = FakeEngine(outputs=["127 a", "127 no python3 here"])
    assert "no python or python3 can be run" in refused(lambda: inside.run(stack_on(engine), ["x"], 5))


def test_failed_command_is_named() -> None:
    """The command, its code and its last line."""
    stack = stack_on(FakeEngine(outputs=["69 trace\nno broker\n"]))
    assert refused(lambda: inside.run(stack, ["celery", "call"], 5)) == ("`celery call` failed with code 69: no broker")


@pytest.mark.parametrize("code", [0, 143])
def test_graceful_end(code: int) -> None:
    """0, and the signal raised again after the work is done, both are a graceful end of a server."""
    engine = FakeEngine(RUNNING, exited(code))
    assert shutdown.stops_on_sigterm(stack_on(engine), "api").startswith(f"exited with {code}, 0.")
    assert engine.signals == ["SIGTERM"]


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (FakeEngine(RUNNING), "still running 0.01 s after SIGTERM"),
        (FakeEngine(exited(137)), "killed after SIGTERM"),
        (FakeEngine(exited(0, out_of_memory=True)), "reached its limit of 512 MiB of memory"),
        (FakeEngine(exited(1)), "exited with code 1 after SIGTERM, not 0 or 143"),
    ],
)
def test_other_end(engine: FakeEngine, words: str) -> None:
    """A deaf, a killed and a failing process are told apart."""
    assert words in refused(lambda: shutdown.stops_on_sigterm(stack_on(engine), "api"))


def test_job_that_never_starts() -> None:
    """Without the worker's word that the job runs, its end would prove nothing: no signal is sent."""
    engine = FakeEngine(log="other jobs", outputs=["0 job-1"])
    reason = refused(lambda: shutdown.finishes_running_job(stack_on(engine), ["call"], ["result"]))
    assert reason.startswith("the worker's log does not name job job-1 after 0.01 s; let it log at INFO")
    assert engine.signals == []


def test_job_in_a_long_log() -> None:
    """The job is found in the end of a log that is too long to be fetched as a whole at each look."""
    engine = FakeEngine(RUNNING, exited(0), log="noise\n" * 5000 + "job-1 began\n", outputs=["0 job-1"])
    assert shutdown.finishes_running_job(stack_on(engine), ["call"], None).startswith("exited with 0")


@pytest.mark.parametrize(
    ("warnings", "told"),
    [
        ((), ""),
        (("Your kernel does not support swap limit capabilities. Memory limited without swap.",), ""),
        (("a. Limitation discarded.", "b. PIDs limit discarded."), "a. Limitation discarded. b. PIDs limit discarded."),
    ],
)
def test_limits_that_are_not_enforced(warnings: tuple[str, ...], told: str) -> None:
    """A container that runs without the limits that it was asked for is told; a lesser remark of the engine is not."""
    engine = FakeEngine()
    engine.warnings = warnings
    name = "weighbridge-00000000-1-00000000-api"
    assert start.starts(stack_on(engine), "api") == (
        f"{name}; limits not enforced by this engine: {told}" if told else name
    )


def test_a_role_gets_what_compose_gives_it() -> None:
    """The name that others find it by, its services' addresses, and nothing that the image should bring itself."""
    engine = FakeEngine()
    stack_on(engine, {"environment": {"MINE": "1"}}).start("api")
    (spec,) = engine.specs
    assert spec.aliases == ("api",)
    assert dict(spec.environment) == {"REDIS_URL": "redis://redis:6379/0", "MINE": "1"}


def test_a_role_gets_the_limits_of_the_settings() -> None:
    """Memory in whatever unit, and processes; the client, which runs commands of both roles, gets the larger ones."""
    engine = FakeEngine()
    stack = stack_on(engine, {"memory": "1 GiB", "processes": 64})
    for container in ("api", "worker", "client"):
        stack.start(container)
    limits = [(spec.memory_bytes, spec.pids_limit) for spec in engine.specs]
    assert limits == [(2**30, 64), (2**29, 128), (2**30, 128)]


@pytest.mark.parametrize(
    ("api", "words"),
    [
        ({"memory": 512}, "512 has no unit: write `512 MB`"),
        ({"memory": "5 MiB"}, "5 MiB is below the 6 MiB"),
        ({"processes": 0}, "roles.api.processes"),
    ],
)
def test_limits_that_are_none(api: dict[str, object], words: str) -> None:
    """A size without a unit, or with less than an engine takes, is told before anything starts."""
    with pytest.raises(SettingsError) as caught:
        settings(api)
    assert words in str(caught.value)


@pytest.mark.parametrize("memory", ["1 GiB", 10_000_000])
def test_limits_are_written_as_they_were(memory: str | int) -> None:
    """Settings that are written out and read again are the same."""
    chosen = settings({"memory": memory})
    assert chosen.model_dump(mode="json")["roles"]["api"]["memory"] == memory
    assert check(chosen.model_dump(mode="json")) == chosen


def test_worker_that_a_shell_started() -> None:
    """SIGTERM ended it and its job at once: the words lead to exec."""
    engine = FakeEngine(RUNNING, exited(143), log="job-1", outputs=["0 job-1"])
    reason = refused(lambda: shutdown.finishes_running_job(stack_on(engine), ["call"], None))
    assert "with exec before its last command" in reason


def test_missing_images() -> None:
    """All that are missing are told at once, with the command that makes them."""
    engine = FakeEngine()
    engine.known = frozenset({"backend:good"})
    check_images(cast("Engine", engine), ["backend:good"])
    with pytest.raises(NoSuchImage) as caught:
        check_images(cast("Engine", engine), ["backend:a", "backend:good", "backend:b"])
    assert str(caught.value) == "The engine has no image backend:a, backend:b. Run `invoke build` first."


def test_missing_redis() -> None:
    """Nothing is started where there is no Redis."""
    with pytest.raises(NoSuchImage, match=r"no image redis[.] Run `invoke engine`"):
        prove(Trial(engine=cast("Engine", FakeEngine()), settings=settings(), redis="redis"), {}, Told())


def test_accepted_rule_that_is_none() -> None:
    """A rule that was renamed, or misspelt, is told before anything starts."""
    engine = FakeEngine()
    engine.known = frozenset({"redis"})
    chosen = check({"variants": {"good": {"accepts": {"no-compilers": "why not", "worker starts": "x"}}}})
    with pytest.raises(SettingsError, match=r"variants.good.accepts: there is no rule no-compilers[.]"):
        prove(Trial(engine=cast("Engine", engine), settings=chosen, redis="redis"), {"good": contents()}, Told())
