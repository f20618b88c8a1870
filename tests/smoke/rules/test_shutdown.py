"""How roles end on SIGTERM, what they finish before, and which lines of a log report an error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.fakes import RUNNING, FakeEngine, exited, refused, stack_on
from weighbridge.errors import EngineFault
from weighbridge.model.container import ContainerState, SignalName
from weighbridge.settings.probes import Probe, Request
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import shutdown
from weighbridge.smoke.stack.containers import Stack


def ran(engine: FakeEngine, *roles: str) -> Stack:
    """Return a stack on which these roles, or else the API, were started."""
    stack = stack_on(engine)
    for role in roles or ("api",):
        stack.start(role)
    return stack


POST = Request.model_validate({"post": "/things", "body": {"name": "{unique}"}})


@pytest.mark.parametrize("code", [0, 143])
def test_graceful_end(code: int) -> None:
    """Exit code 0 and the code for SIGTERM both are a graceful end of a server."""
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
    """The reason distinguishes a process that ignores SIGTERM, one that was killed, and one that failed."""
    assert words in refused(lambda: shutdown.stops_on_sigterm(stack_on(engine), "api"))


def test_job_that_never_starts() -> None:
    """No signal is sent before the worker logs that the job runs: without that, its end would prove nothing."""
    engine = FakeEngine(log="other jobs", outputs=["0 job-1", "0 [[], []]"])
    reason = refused(lambda: shutdown.finishes_running_job(stack_on(engine), "worker", ["call"], ["result"]))
    assert reason.startswith("the worker's log does not name job job-1 after 0.01 s; let it log at INFO")
    assert engine.signals == []


def test_job_in_a_long_log() -> None:
    """Only the end of a long log is fetched each time, and the job is found there."""
    engine = FakeEngine(RUNNING, exited(0), log="noise\n" * 5000 + "job-1 began\n", outputs=["0 job-1"])
    assert shutdown.finishes_running_job(stack_on(engine), "worker", ["call"], None).startswith("exited with 0")


def test_job_that_ended_too_soon() -> None:
    """A job that has succeeded before the signal shows nothing."""
    engine = FakeEngine(RUNNING, exited(0), log="job-1 received\njob-1 succeeded in 1s", outputs=["0 job-1"] * 9)
    reason = refused(lambda: shutdown.finishes_running_job(stack_on(engine), "worker", ["call"], None))
    assert reason == "job job-1 had ended before SIGTERM; let the job of roles.worker.slow_job take longer"


CELERY_RESULT = ["celery", "result"]


@pytest.mark.parametrize(("command", "waits"), [(CELERY_RESULT, True), (["./result"], False)])
def test_result_is_waited_for_while_the_worker_ends(command: list[str], *, waits: bool) -> None:
    """Celery's own command waits for the result; any other one is run once the worker has ended."""
    order = list[str]()

    class Ending(FakeEngine):
        def read_state(self, _container: str) -> ContainerState:
            asked = any("result" in word for command in self.commands for word in command[6:])
            if waits and not asked:
                return RUNNING
            order.append("ended")
            return exited(0)

    engine = Ending(log="job-1", outputs=["0 job-1", "0 7"])
    found = shutdown.finishes_running_job(stack_on(engine, worker={"grace_seconds": 5}), "worker", ["call"], command)
    assert found.endswith(" and its job gave 7")
    assert order[:1] == ["ended"]


def test_result_that_came_too_late() -> None:
    """If the time of the command is up before the job is done, it is asked once more after the worker's end."""
    engine = FakeEngine(RUNNING, exited(0), log="job-1", outputs=["0 job-1", "3 too late", "0 7"])
    found = shutdown.finishes_running_job(stack_on(engine), "worker", ["call"], CELERY_RESULT)
    assert found.endswith(" and its job gave 7")


def test_what_begins_while_the_worker_ends() -> None:
    """Once its job is done, the next end begins, once; not if nobody knows when that is. Others begin before."""
    for command, count in ((CELERY_RESULT, 1), (["./result"], 0)):
        begun, beside = list[object](), list[object]()

        class Ending(FakeEngine):
            def read_state(self, _container: str, begun: list[object] = begun, count: int = count) -> ContainerState:
                return exited(0) if len(begun) >= count else RUNNING

        engine = Ending(log="job-1", outputs=["0 job-1", "0 7"])
        stack = stack_on(engine, worker={"grace_seconds": 5})
        shutdown.finishes_running_job(stack, "worker", ["call"], command, beside=beside.append, meanwhile=begun.append)
        assert (begun, beside) == ([stack] * count, [stack])


def test_nothing_comes_between_a_job_and_the_signal() -> None:
    """What begins beside comes after SIGTERM: the job may have ended by then."""
    engine, seen = FakeEngine(RUNNING, exited(0), log="job-1", outputs=["0 job-1"]), list[list[str]]()
    stack = stack_on(engine, worker={"grace_seconds": 5})
    shutdown.finishes_running_job(stack, "worker", ["call"], None, beside=lambda _: seen.append([*engine.signals]))
    assert seen == [["SIGTERM"]]


def test_worker_that_a_shell_started() -> None:
    """If SIGTERM ends the worker and its job at once, the reason suggests exec."""
    engine = FakeEngine(RUNNING, exited(143), log="job-1", outputs=["0 job-1"])
    reason = refused(lambda: shutdown.finishes_running_job(stack_on(engine), "worker", ["call"], None))
    assert "write exec before the shell's last command" in reason


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
    """The pattern matches the errors of common loggers, and no harmless sentence with the word in it."""
    stack = ran(FakeEngine(log=line))
    if is_error:
        assert line in refused(lambda: shutdown.no_error_in_logs(stack, ["api"]))
    else:
        assert shutdown.no_error_in_logs(stack, ["api"]) == "1 lines of api"


def sent_in_halves(**answer: object) -> str:
    """Return what the script prints that sends one request in two halves, after its exit code."""
    return f"0 begun\n{json.dumps({'closed': True, 'body': '', **answer})}"


def test_request_in_flight() -> None:
    """The request is answered after SIGTERM; the API's end counts from that signal, and the worker gets its own."""
    engine = FakeEngine(exited(0), outputs=[sent_in_halves(status=201)])
    stack = stack_on(engine)
    assert (
        shutdown.finishes_request_in_flight(stack, "api", POST)
        == "POST /things, half sent before SIGTERM, answered 201"
    )
    assert engine.signals == ["SIGTERM"]
    assert shutdown.stops_on_sigterm(stack, "api").startswith("exited with 0, ")
    assert engine.signals == ["SIGTERM"]
    shutdown.stops_on_sigterm(stack, "worker")
    assert engine.signals == ["SIGTERM"] * 2


def test_door_that_stays_open() -> None:
    """If the server accepts new connections after SIGTERM, the rule says so and holds."""
    stack = stack_on(FakeEngine(outputs=[sent_in_halves(status=201, closed=False)]))
    assert shutdown.finishes_request_in_flight(stack, "api", POST).endswith(
        "; the server still accepted new connections 0.005 s after it"
    )


@pytest.mark.parametrize(
    ("output", "words", "signals"),
    [
        ('0 {"error": "refused", "closed": false}', "POST /things could not be started: refused", 0),
        (
            sent_in_halves(error="reset"),
            "POST /things, half sent before SIGTERM, got no answer: reset; let the server",
            1,
        ),
        (sent_in_halves(status=500), "POST /things, half sent before SIGTERM, answered 500", 1),
        (sent_in_halves(status=103), "POST /things, half sent before SIGTERM, answered 103", 1),
        (
            '0 {"status": 201, "body": "", "closed": false}',
            "POST /things answered 201 before its body was there, so nothing was in flight that SIGTERM",
            0,
        ),
        (
            '0 {"status": 307, "location": "/things/", "body": "", "closed": false}',
            "POST /things, half sent, answered 307, a redirect to /things/; set the path to /things/",
            0,
        ),
    ],
)
def test_request_that_is_dropped(output: str, words: str, signals: int) -> None:
    """A request that fails before SIGTERM has another reason than after it, and then no signal is sent."""
    engine = FakeEngine(outputs=[output])
    reason = refused(lambda: shutdown.finishes_request_in_flight(stack_on(engine), "api", POST))
    assert reason.startswith(words)
    assert engine.signals == ["SIGTERM"] * signals


@pytest.mark.parametrize("status", [404, 409])
def test_status_that_the_probe_allows(status: int) -> None:
    """The statuses that the step allows count, and no others."""
    request = Request.model_validate({"put": "/things", "form": {"a": "b"}, "status": [404]})
    stack = stack_on(FakeEngine(outputs=[sent_in_halves(status=status)]))
    told = f"PUT /things, half sent before SIGTERM, answered {status}"
    if status in request.status:
        assert shutdown.finishes_request_in_flight(stack, "api", request) == told
    else:
        assert refused(lambda: shutdown.finishes_request_in_flight(stack, "api", request)) == told


STEPS: dict[str, dict[str, Any]] = {
    "nothing": {"post": "/empty"},
    "get": {"get": "/list"},
    "delete": {"delete": "/x", "body": {"a": 1}},
    "post": {"post": "/json", "body": {"a": 1}},
    "put": {"put": "/form", "form": {"a": "b"}},
    "patch": {"patch": "/files", "multipart": {"f": {"content": "x"}}},
    "false": {"post": "/false", "body": False},
}


@pytest.mark.parametrize(
    ("probes", "path"),
    [
        ([["post"]], "/json"),
        ([["put"]], "/form"),
        ([["patch"]], "/files"),
        ([["false"]], "/false"),
        ([["get", "post"], ["put", "post"]], "/form"),
        ([["nothing"], ["delete"], ["patch"]], "/files"),
        ([["nothing"], ["get", "post"], ["delete"]], None),
        ([], None),
    ],
)
def test_which_request_is_in_flight(probes: list[list[str]], path: str | None) -> None:
    """It is the first POST, PUT or PATCH with which a probe begins, so that it needs no other, and that has a body."""
    known = [Probe.model_validate({"rule": "a", "steps": [STEPS[name] for name in steps]}) for steps in probes]
    found = shutdown.find_request(known)
    assert (found and found.path) == path


GUNICORN = "[2026-01-01 00:00:09 +0000] [7] [ERROR] Worker (pid:8) was sent SIGTERM!"
BEFORE = "[2026-01-01 00:00:00 +0000] [7] [INFO] Listening at: http://0.0.0.0:8000 (7)"


class Stopping(FakeEngine):
    """An engine whose container logs some lines as soon as it gets a signal."""

    def __init__(self, *last_words: str, log: str = BEFORE) -> None:
        super().__init__(RUNNING, exited(0), log=log)
        self.last_words = last_words

    def send_signal(self, container: str, name: SignalName) -> None:
        """Let the container write its last words."""
        super().send_signal(container, name)
        self.text = "\n".join([self.text, *self.last_words])


@pytest.mark.parametrize(
    "last_words",
    [
        [GUNICORN],
        ["[: ERROR/MainProcess] Process 'ForkPoolWorker-1' pid:9 exited with 'signal 15 (SIGTERM)'"],
        ["ERROR:    Cancel 1 running task(s), timeout graceful shutdown exceeded"],
        ["ERROR:    Exception in ASGI application", "Traceback (most recent call last):", "  x", "CancelledError"],
        ["ERROR: x", "Traceback (most recent call last):", "  x", "KeyboardInterrupt"],
        ["Traceback (most recent call last):", "  x", "asyncio.exceptions.CancelledError: Task cancelled"],
    ],
)
def test_what_our_signal_makes_a_role_log(last_words: list[str]) -> None:
    """What a role logs about our SIGTERM, and about what that interrupts, is no error of the role."""
    stack = ran(Stopping(*last_words))
    shutdown.stops_on_sigterm(stack, "api")
    assert shutdown.no_error_in_logs(stack, ["api"]) == f"{1 + len(last_words)} lines of api"


@pytest.mark.parametrize(
    ("last_words", "words"),
    [
        (
            ["ERROR: shutdown timed out, 3 jobs lost"],
            "api logged after SIGTERM: ERROR: shutdown timed out, 3 jobs lost;",
        ),
        (["ERROR: cannot flush"], "api logged after SIGTERM: ERROR: cannot flush; fix it, or correct smoke.log_errors"),
        (
            [GUNICORN, "ERROR: Traceback follows", "Traceback (most recent call last):", "  x", "KeyError: 'db'"],
            "api logged after SIGTERM: ERROR: Traceback follows; KeyError: 'db'; fix it",
        ),
        (
            ["[9] [ERROR] Worker (pid:8) was sent SIGKILL! Perhaps out of memory?"],
            "api logged after SIGTERM: [9] [ERROR] Worker (pid:8) was sent SIGKILL!",
        ),
    ],
)
def test_error_while_a_role_ends(last_words: list[str], words: str) -> None:
    """An error that is not about the signal fails the rule, and the reason says that it came after the signal."""
    stack = ran(Stopping(*last_words))
    shutdown.stops_on_sigterm(stack, "api")
    assert refused(lambda: shutdown.no_error_in_logs(stack, ["api"])).startswith(words)


def test_signal_of_somebody_else() -> None:
    """Before our own signal, a line about a signal is an error like any other."""
    stack = ran(Stopping("bye", log=GUNICORN))
    shutdown.stops_on_sigterm(stack, "api")
    assert refused(lambda: shutdown.no_error_in_logs(stack, ["api"])).startswith(f"api logged: {GUNICORN}")


def test_signal_during_a_request() -> None:
    """The signal that interrupts a request is ours, too."""
    engine = Stopping(GUNICORN)
    engine.outputs = [sent_in_halves(status=201)]
    stack = ran(engine)
    shutdown.finishes_request_in_flight(stack, "api", POST)
    assert stack.observed.lines_before_stop == {"api": 1}
    assert shutdown.no_error_in_logs(stack, ["api"]) == "2 lines of api"


def test_advice_on_the_token_of_the_step() -> None:
    """If the step sends a token of its own, that is the one to correct."""
    request = Request.model_validate({"post": "/things", "body": 1, "headers": {"Authorization": "Bearer x"}})
    stack = stack_on(FakeEngine(outputs=[sent_in_halves(status=401)]))
    reason = refused(lambda: shutdown.finishes_request_in_flight(stack, "api", request))
    assert "the step's headers" in reason
    assert "roles.api.headers" not in reason


def test_exception_in_a_log() -> None:
    """The reason for a traceback is its exception, not its first line."""
    stack = ran(FakeEngine(log="a\nTraceback (most recent call last):\n  File\nKeyError: 'x'\nb"))
    reason = refused(lambda: shutdown.no_error_in_logs(stack, ["api"]))
    assert reason == "api logged: KeyError: 'x'; fix it, or correct smoke.log_errors"


def test_cause_of_an_error_in_a_log() -> None:
    """What another rule may have told is the exception, without the line that announces it, or else the line."""
    announced = "ERROR it failed\nTraceback (most recent call last):\n  File 'a'\nKeyError: 'x'"
    for log, cause in ((announced, "KeyError: 'x'"), ("ERROR it failed", "ERROR it failed")):
        with pytest.raises(CheckFailed, match="api logged: ERROR it failed") as failed:
            shutdown.no_error_in_logs(ran(FakeEngine(log=log), "api"), ["api"])
        assert failed.value.cause == cause


def test_cause_of_an_end_in_a_log() -> None:
    """If a role ended before it served, the cause is that of its end, which `starts` reported, not its first error."""
    log = "ERROR no such queue\nCRITICAL giving up\n"
    for engine, cause in (
        (FakeEngine(exited(1), log=log), "CRITICAL giving up"),
        (FakeEngine(RUNNING, log=log), "ERROR no such queue"),
    ):
        with pytest.raises(CheckFailed, match="worker logged: ERROR no such queue") as failed:
            shutdown.no_error_in_logs(ran(engine, "worker"), ["worker"])
        assert failed.value.cause == cause


def test_error_beside_a_role_that_ended() -> None:
    """The rule reports the error of a role that serves before that of a role whose end `starts` reported."""
    stack = ran(FakeEngine(log="ERROR it failed"), "api", "worker")
    stack.observed.served.add("worker")
    assert refused(lambda: shutdown.no_error_in_logs(stack, ["api", "worker"])).startswith("worker logged: ")


def test_logs_without_a_line() -> None:
    """If no role has logged anything, the rule does not hold, because there was nothing to check."""
    reason = refused(lambda: shutdown.no_error_in_logs(ran(FakeEngine(), "api", "worker"), ["api", "worker"]))
    assert reason.startswith("neither api nor worker has logged a line, so nothing was checked; ")
    reason = refused(lambda: shutdown.no_error_in_logs(ran(FakeEngine()), ["api", "worker"]))
    assert reason.startswith("api has not logged a line, so nothing was checked; ")


def test_role_that_was_never_started() -> None:
    """A role that was not started has no log, and is left out; if none was, the rule does not hold."""
    assert shutdown.no_error_in_logs(ran(FakeEngine(log="a\nb"), "worker"), ["api", "worker"]) == "2 lines of worker"
    reason = refused(lambda: shutdown.no_error_in_logs(stack_on(FakeEngine(log="a")), ["api", "worker"]))
    assert reason == "no role was started, so nothing was checked"


def test_log_that_cannot_be_read() -> None:
    """An engine that cannot read a log, as with some log drivers, is an error, and not an empty log."""

    class Mute(FakeEngine):
        def read_log(self, _container: str, lines: int | None, *, times: bool = False) -> str:
            raise EngineFault(f"no {lines} {times}")

    with pytest.raises(EngineFault):
        shutdown.no_error_in_logs(ran(Mute()), ["api"])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 401}, "answered 401; give a token, such as Authorization, in roles.api.headers"),
        ({"status": 403}, "answered 403; give a token, such as Authorization, in roles.api.headers"),
        ({"status": 307, "location": "/things/"}, "answered 307, a redirect to /things/; set the path to /things/"),
    ],
)
def test_advice_on_the_request_in_flight(answer: dict[str, object], words: str) -> None:
    """A redirect and a refusal name the setting that changes them; neither is an answer to the request."""
    stack = stack_on(FakeEngine(outputs=[sent_in_halves(**answer)]))
    reason = refused(lambda: shutdown.finishes_request_in_flight(stack, "api", POST))
    assert reason.startswith(f"POST /things, half sent before SIGTERM, {words}")


def test_roles_that_stop_together() -> None:
    """All that may stop at once are told so with the first of them, once each, and each is judged by itself."""
    engine = FakeEngine(RUNNING, exited(0), exited(0))
    stack = ran(engine, "api", "worker")
    stack.observed.watched |= {"api", "worker"}
    shutdown.stops_on_sigterm(stack, "api", ("worker",))
    assert [*stack.observed.told_to_stop] == ["api"]
    stack.observed.told_to_stop.clear()
    stack.observed.watched |= {"api", "worker"}
    for role in ("api", "worker"):
        shutdown.stops_on_sigterm(stack, role, ("api", "worker"))
    assert sorted(stack.observed.told_to_stop) == ["api", "worker"]
    assert engine.signals == ["SIGTERM"] * 3
