"""How roles end on SIGTERM, what they finish before, and which lines of a log report an error."""

from __future__ import annotations

import json

import pytest

from tests.support.fakes import RUNNING, FakeEngine, exited, refused, stack_on
from weighbridge.settings.smoke import Request
from weighbridge.smoke.rules import shutdown

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
    engine = FakeEngine(log="other jobs", outputs=["0 job-1"])
    reason = refused(lambda: shutdown.finishes_running_job(stack_on(engine), ["call"], ["result"]))
    assert reason.startswith("the worker's log does not name job job-1 after 0.01 s; let it log at INFO")
    assert engine.signals == []


def test_job_in_a_long_log() -> None:
    """Only the end of a long log is fetched each time, and the job is found there."""
    engine = FakeEngine(RUNNING, exited(0), log="noise\n" * 5000 + "job-1 began\n", outputs=["0 job-1"])
    assert shutdown.finishes_running_job(stack_on(engine), ["call"], None).startswith("exited with 0")


def test_worker_that_a_shell_started() -> None:
    """If SIGTERM ends the worker and its job at once, the reason suggests exec."""
    engine = FakeEngine(RUNNING, exited(143), log="job-1", outputs=["0 job-1"])
    reason = refused(lambda: shutdown.finishes_running_job(stack_on(engine), ["call"], None))
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
    stack = stack_on(FakeEngine(log=line))
    if is_error:
        assert line in refused(lambda: shutdown.no_error_in_logs(stack, ["api"]))
    else:
        assert shutdown.no_error_in_logs(stack, ["api"]) == "1 lines"


def sent_in_halves(**answer: object) -> str:
    """Return what the script prints that sends one request in two halves, after its exit code."""
    return f"0 begun\n{json.dumps({'closed': True, **answer})}"


@pytest.fixture
def _taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutdown, "_ACCEPT_SECONDS", 0.0)


@pytest.mark.usefixtures("_taken_at_once")
def test_request_in_flight() -> None:
    """The request is answered after SIGTERM; the API's end counts from that signal, and the worker gets its own."""
    engine = FakeEngine(exited(0), outputs=[sent_in_halves(status=201)])
    stack = stack_on(engine)
    assert shutdown.finishes_request_in_flight(stack, POST) == "POST /things, half sent before SIGTERM, answered 201"
    assert engine.signals == ["SIGTERM"]
    assert shutdown.stops_on_sigterm(stack, "api").startswith("exited with 0, ")
    assert engine.signals == ["SIGTERM"]
    shutdown.stops_on_sigterm(stack, "worker")
    assert engine.signals == ["SIGTERM"] * 2


@pytest.mark.usefixtures("_taken_at_once")
def test_door_that_stays_open() -> None:
    """If the server accepts new requests after SIGTERM, the rule says so and holds."""
    stack = stack_on(FakeEngine(outputs=[sent_in_halves(status=201, closed=False)]))
    assert shutdown.finishes_request_in_flight(stack, POST).endswith(
        "; the server still accepted new requests 0.005 s after it"
    )


@pytest.mark.usefixtures("_taken_at_once")
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
    ],
)
def test_request_that_is_dropped(output: str, words: str, signals: int) -> None:
    """A request that fails before SIGTERM has another reason than after it, and then no signal is sent."""
    engine = FakeEngine(outputs=[output])
    reason = refused(lambda: shutdown.finishes_request_in_flight(stack_on(engine), POST))
    assert reason.startswith(words)
    assert engine.signals == ["SIGTERM"] * signals
