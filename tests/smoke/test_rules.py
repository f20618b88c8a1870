"""Each rule's verdict and words, on an engine of prepared answers; real containers are in tests/engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest

from tests.smoke.fakes import RUNNING, FakeEngine, exited, settings, stack_on
from weighbridge.difference import compare
from weighbridge.engine import Engine
from weighbridge.errors import NoSuchImage
from weighbridge.records import from_json
from weighbridge.smoke import confinement, ending, inside, reports, starting
from weighbridge.smoke.failures import CheckFailed
from weighbridge.smoke.scenario import check_images, rules

WRITES = {"/": "EROFS", "/data": "written", "/tmp": "written"}  # noqa: S108 - in a container

PROCESS = {"pid": 1, "name": "python", "uids": [10001] * 4, "has_capabilities": False, "no_new_privileges": True}


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
    facts = {"processes": [PROCESS], "root_is_read_only": True, "writes": WRITES, **changes}
    return f"0 {json.dumps(facts)}"


@pytest.mark.parametrize("user", ["10001", "10001:10001", "7:root"])
def test_numeric_user(user: str) -> None:
    """A number other than 0 is what an orchestrator can judge."""
    assert starting.runs_as_non_root(stack_on(FakeEngine(user=user))) == f"user {user}"


@pytest.mark.parametrize(
    ("user", "words"), [("", "names no user"), ("0:0", "runs as root"), ("app", "'app'"), ("root", "'root'")]
)
def test_root_or_named_user(user: str, words: str) -> None:
    """Anything else ends in the line that the Dockerfile needs."""
    reason = refused(lambda: starting.runs_as_non_root(stack_on(FakeEngine(user=user))))
    assert words in reason
    assert reason.endswith("end its Dockerfile with `USER 10001:10001`")


def test_health_may_be_bad_on_the_way() -> None:
    """Starting and unhealthy are waited out."""
    states = [replace(RUNNING, health=health) for health in ("starting", "unhealthy", "healthy")]
    stack = stack_on(FakeEngine(*states), timeout_seconds=5)
    assert starting.becomes_healthy(stack, "api").startswith("after 0.")


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (FakeEngine(exited(3), log="a\nb\n\n"), "exited with code 3 before it was healthy: b; see its log"),
        (
            FakeEngine(exited(127), log="no uvicorn"),
            "no uvicorn; correct roles.api.command or the image's CMD and PATH",
        ),
        (FakeEngine(exited(137, out_of_memory=True)), "its memory limit was reached"),
        (
            FakeEngine(replace(RUNNING, health="unhealthy", health_output="x\ny")),
            "not healthy after 0.01 s, its health",
        ),
    ],
)
def test_never_healthy(engine: FakeEngine, words: str) -> None:
    """How it ended, or what the health check says, and what to do."""
    assert words in refused(lambda: starting.becomes_healthy(stack_on(engine), "api"))


def test_confined() -> None:
    """No privileges, and only the two folders take files."""
    assert confinement.uid(stack_on(probed()), "api") == "uid 10001, 1 processes"
    assert confinement.holds_no_privileges(stack_on(probed()), "api").startswith("1 processes without")
    told = confinement.root_filesystem_is_read_only(stack_on(probed()), "api")
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
    assert words in refused(lambda: confinement.root_filesystem_is_read_only(stack_on(probed(**changes)), "api"))


@pytest.mark.parametrize("uids", [[0] * 4, [10001, 0, 10001, 10001], [10001, 10001, 10001, 0]])
def test_process_of_another_user(uids: list[int]) -> None:
    """A second process that runs, or could run again, as somebody else is named, with whom."""
    engine = probed(processes=[PROCESS, {**PROCESS, "pid": 7, "name": "cron", "uids": uids}])
    reason = refused(lambda: confinement.uid(stack_on(engine), "api"))
    assert reason == "`cron` runs as uid 0, not 10001; correct the Dockerfile's USER"


@pytest.mark.parametrize(
    ("change", "words"),
    [({"has_capabilities": True}, "capabilities are left"), ({"no_new_privileges": False}, "no-new-privileges is not")],
)
def test_privileged_process(change: dict[str, bool], words: str) -> None:
    """One of several is enough, and named."""
    engine = probed(processes=[PROCESS, {**PROCESS, "pid": 7, "name": "cron", **change}])
    assert refused(lambda: confinement.holds_no_privileges(stack_on(engine), "api")).startswith(f"`cron`: {words}")


def test_health_check_that_is_just_started() -> None:
    """The engine's own program becomes the check's after it was seen, or ends; another look finds another one."""
    starting_up = [{**PROCESS, "pid": pid, "name": "runc", "uids": [0] * 4, "has_capabilities": True} for pid in (8, 9)]
    looks = [seen(processes=[PROCESS, each]) for each in starting_up]
    for rule in (confinement.uid, confinement.holds_no_privileges):
        assert rule(stack_on(FakeEngine(outputs=looks)), "api")


def test_probe_that_fails() -> None:
    """The script, its code and the last line of its traceback."""
    reason = refused(lambda: confinement.uid(stack_on(FakeEngine(outputs=["1 a\nMemoryError\n"])), "api"))
    assert reason == "probe.py failed with code 1 inside: MemoryError"


def test_second_interpreter_is_tried() -> None:
    """Some images call it python3 alone; what is missing in both names is told."""
    engine = FakeEngine(outputs=["126 no python", "0 a\nlast\n"])
    assert inside.run(stack_on(engine), "api", ["celery", "call"], 5) == "last"
    assert [command[0] for command in engine.commands] == ["python", "python3"]
    assert engine.commands[1][-3:] == ("5", "celery", "call")
    engine = FakeEngine(outputs=["127 a", "127 no python3 here"])
    assert "no python or python3 can be run" in refused(lambda: inside.run(stack_on(engine), "api", ["x"], 5))


def test_failed_command_is_named() -> None:
    """The command, its code and its last line."""
    stack = stack_on(FakeEngine(outputs=["69 trace\nno broker\n"]))
    assert refused(lambda: inside.run(stack, "api", ["celery", "call"], 5)) == (
        "`celery call` failed with code 69: no broker"
    )


@pytest.mark.parametrize("code", [0, 143])
def test_graceful_end(code: int) -> None:
    """0, and the signal raised again after the work is done, both are a graceful end of a server."""
    engine = FakeEngine(RUNNING, exited(code))
    assert ending.stops_on_sigterm(stack_on(engine), "api").startswith(f"exited with {code}, 0.")
    assert engine.signals == ["SIGTERM"]


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (FakeEngine(RUNNING), "still running 0.01 s after SIGTERM"),
        (FakeEngine(exited(137)), "killed after SIGTERM"),
        (FakeEngine(exited(0, out_of_memory=True)), "killed after SIGTERM"),
        (FakeEngine(exited(1)), "exited with code 1 after SIGTERM, not 0 or 143"),
    ],
)
def test_other_end(engine: FakeEngine, words: str) -> None:
    """A deaf, a killed and a failing process are told apart."""
    assert words in refused(lambda: ending.stops_on_sigterm(stack_on(engine), "api"))


def test_job_that_never_starts() -> None:
    """Without the worker's word that the job runs, its end would prove nothing: no signal is sent."""
    engine = FakeEngine(log="other jobs", outputs=["0 job-1"])
    reason = refused(lambda: ending.finishes_running_job(stack_on(engine), ["call"], ["result"]))
    assert reason == "the worker's log does not name job job-1 after 0.01 s"
    assert engine.signals == []


def test_job_in_a_long_log() -> None:
    """The job is found in the end of a log that is too long to be fetched as a whole at each look."""
    engine = FakeEngine(RUNNING, exited(0), log="noise\n" * 5000 + "job-1 began\n", outputs=["0 job-1"])
    assert ending.finishes_running_job(stack_on(engine), ["call"], None).startswith("exited with 0")


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
    assert starting.starts(stack_on(engine), "api") == (
        f"{name}; limits not enforced by this engine: {told}" if told else name
    )


def test_a_role_gets_what_compose_gives_it() -> None:
    """The name that others find it by, its services' addresses, and nothing that the image should bring itself."""
    engine = FakeEngine()
    stack_on(engine, {"environment": {"MINE": "1"}}).start("api")
    (spec,) = engine.specs
    assert spec.aliases == ("api",)
    assert set(spec.environment) == {"REDIS_URL", "DATABASE_URL", "MINE"}


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"redis"}, "The engine has no image backend:good. Run `invoke build` first."),
        ({"backend:good"}, "The engine has no image redis. Run `invoke engine`."),
        (set(), "The engine has no image backend:good. Run `invoke build` first."),
    ],
)
def test_missing_images(known: set[str], words: str) -> None:
    """What is missing is told, with the command that makes it."""
    engine = FakeEngine()
    engine.known = frozenset(known)
    with pytest.raises(NoSuchImage) as caught:
        check_images(cast("Engine", engine), settings(), ["good"], "redis")
    assert str(caught.value) == words


def test_all_images_are_there() -> None:
    """Then nothing is said."""
    engine = FakeEngine()
    engine.known = frozenset({"backend:good", "redis"})
    check_images(cast("Engine", engine), settings(), ["good"], "redis")


def test_rules_without_a_slow_job() -> None:
    """Where the settings name none, the worker only has to stop; rule names are unique in each role."""
    names = [(rule.role, rule.name) for rule in rules(settings())]
    assert names[-2:] == [("worker", "stops-on-sigterm"), ("api", "stops-on-sigterm")]
    assert len(set(names)) == len(names)


def test_posted_reports_differ_as_said() -> None:
    """The difference that smoke expects is the one that our own ledger finds."""
    (difference,) = compare(from_json(reports.before()), from_json(reports.after()))
    assert difference.delta_bytes == reports.DELTA_BYTES
    assert sum(layer.change == "same" for layer in difference.layers) == 1
