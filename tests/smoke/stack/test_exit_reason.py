"""Why a container ended, by its log: tracebacks of a real interpreter, and lines of uvicorn and Celery."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.model.container import Streams
from weighbridge.settings.smoke import Smoke
from weighbridge.smoke.stack import exit_reason

ERRORS = Smoke().log_errors
CHAINED = """
def inner():
    raise KeyError("DATABASE_URL")
try:
    inner()
except KeyError as error:
    raise RuntimeError("no database") from error
"""


def traceback(source: str) -> str:
    """Return what an interpreter prints of a program that fails."""
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False).stderr


def test_exception_is_the_cause() -> None:
    """The reason is the last exception of a chain, even if the server logs more after it."""
    log = f"INFO: Started\nERROR:    {traceback(CHAINED)}\nERROR:    Application startup failed. Exiting.\n\n"
    told = exit_reason.find_reason(Streams(output=log), ERRORS)
    assert told == "RuntimeError: no database; its log ends: ERROR:    Application startup failed. Exiting."


def test_exception_that_is_the_last_line() -> None:
    """A reason that is also the last line appears once."""
    assert exit_reason.find_reason(Streams(errors=traceback("import nowhere_to_be_found")), ERRORS) == (
        "ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    )


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (
            "ERROR:    [Errno 99] cannot bind\nINFO:     Application shutdown complete.\n",
            "ERROR:    [Errno 99] cannot bind; its log ends: INFO:     Application shutdown complete.",
        ),
        ("starting\nthe image's own last words\n\n", "the image's own last words"),
        ("Traceback (most recent call last):\n  File", "Traceback (most recent call last):; its log ends: File"),
        ("x" * 1000, "x" * 300),
        (" \n", "(no output)"),
        ("", "(no output)"),
    ],
)
def test_other_causes(log: str, told: str) -> None:
    """Without a traceback, the reason is the last line that reports an error, else the last line; a long one is cut."""
    assert exit_reason.find_reason(Streams(output=log), ERRORS) == told


def test_standard_error_comes_first() -> None:
    """What Python flushes of a buffered standard output after the exception's text does not hide the exception."""
    source = "print(*{'HOME': '/'}.items()); raise SystemExit('no way to reach it')"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    streams = Streams(output=done.stdout, errors=done.stderr)
    assert streams.output == "('HOME', '/')\n"
    assert exit_reason.find_reason(streams, ERRORS) == "no way to reach it"
    later = Streams(output="ERROR: later\nbye", errors=traceback("1 / 0"))
    assert exit_reason.find_reason(later, ERRORS) == "ZeroDivisionError: division by zero"


def test_first_line_of_an_exception() -> None:
    """Of a message with several lines, the cause is the first, which has the exception's type."""
    errors = traceback("raise ValueError('2 errors\\n  field a\\nfor more see the manual')")
    assert errors.endswith("for more see the manual\n")
    assert exit_reason.find_cause(Streams(errors=errors), ERRORS) == "ValueError: 2 errors"
    told = exit_reason.find_reason(Streams(errors=errors), ERRORS)
    assert told == "ValueError: 2 errors; its log ends: for more see the manual"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="there are no exception groups before Python 3.11")
def test_exception_group() -> None:
    """The cause of an exception group is the last exception in it that has a traceback."""
    source = """
def fail():
    raise KeyError('x')
try:
    fail()
except KeyError as error:
    raise ExceptionGroup('all failed', [ValueError('a'), error])
"""
    assert exit_reason.find_cause(Streams(errors=traceback(source)), ERRORS) == "KeyError: 'x'"
    alone = traceback("raise ExceptionGroup('all failed', [ValueError('a')])")
    told = exit_reason.find_cause(Streams(errors=alone), ERRORS)
    assert told == "ExceptionGroup: all failed (1 sub-exception)"


CELERY = "[2026-01-01 00:00:00,{}: WARNING/Beat] {}"


def test_traceback_behind_a_logger() -> None:
    """A logger may put its words in front of each line of a traceback, or only of some."""
    log = "\n".join(
        [
            CELERY.format(447, "Traceback (most recent call last):"),
            CELERY.format(448, '  File "beat.py", line 1, in run'),
            "    self.service.start()",
            CELERY.format(449, "OSError: [Errno 30] Read-only file system: 'x'"),
            CELERY.format(450, "celery@x ready."),
        ]
    )
    assert exit_reason.find_error(Streams(errors=log), ERRORS) == "OSError: [Errno 30] Read-only file system: 'x'"


def test_no_error() -> None:
    """A log that reports no error has none, although it has a last line."""
    assert exit_reason.find_error(Streams(output="a\nb", errors="c"), ERRORS) == ""
    assert exit_reason.find_cause(Streams(output="a\nb", errors="c"), ERRORS) == "c"


@pytest.mark.parametrize(
    ("lines", "at", "told"),
    [
        (["ERROR: x", "INFO: y"], 0, "ERROR: x"),
        (["ERROR: x", "", "Traceback (most recent call last):", "  File", "KeyError: 1"], 0, "ERROR: x; KeyError: 1"),
        (["Traceback (most recent call last):", "  File", "KeyError: 1", "bye"], 0, "KeyError: 1"),
        (["Traceback (most recent call last):", "  File"], 0, "Traceback (most recent call last):"),
        (["a", "ERROR: x"], 1, "ERROR: x"),
    ],
)
def test_line_that_reports_an_error(lines: list[str], at: int, told: str) -> None:
    """A line is described with the exception of the traceback that follows it, a traceback by its exception alone."""
    assert str(exit_reason.describe_error_line(lines, at)) == told


WRONG_APP = """Usage: celery [OPTIONS] COMMAND [ARGS]...
Try 'celery --help' for help.

Error:\x20
Unable to load celery application.
The module words.worker was not found.
"""
FAILING_APP = f"""Error:\x20
Unable to load celery application.
While trying to load the module words.worker the following error occurred:
{traceback("import nowhere_to_be_found")}
"""


def test_heading() -> None:
    """A line that only announces an error gets the paragraph below it, both in the rule on logs and in a reason."""
    said = "Error: Unable to load celery application. The module words.worker was not found."
    lines = WRONG_APP.splitlines()
    at = lines.index("Error: ")
    assert str(exit_reason.describe_error_line(lines, at)) == said
    assert exit_reason.find_reason(Streams(errors=WRONG_APP), ERRORS) == said
    failing = exit_reason.describe_error_line(FAILING_APP.splitlines(), 0)
    assert failing.text.startswith("Error: Unable to load celery application. While trying to load")
    assert failing.cause == "ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    assert exit_reason.find_reason(Streams(errors=FAILING_APP), ERRORS) == failing.cause
    assert str(exit_reason.describe_error_line(["ERROR:", *"abcdefgh"], 0)) == "ERROR: a b c d e"


@given(st.text(alphabet="Traceback (most recent call last):\n |+-x0Error"), st.text())
def test_any_log(output: str, errors: str) -> None:
    """Whatever a program writes, there is one line about it, which is short, not blank, and from what it wrote."""
    for streams in (
        Streams(output=output, errors=errors),
        Streams(output=f"Traceback (most recent call last)\n{errors}"),
    ):
        told = exit_reason.find_cause(streams, ERRORS)
        assert told.strip() == told
        assert 0 < len(told) <= 300
        written = f"{streams.output} {streams.errors}"
        assert told == "(no output)" or " ".join(told.split()) in " ".join(written.split())


@pytest.mark.parametrize(
    "link",
    [
        "During handling of the above exception, another exception occurred:",
        "The above exception was the direct cause of the following exception:",
    ],
)
@pytest.mark.parametrize("prefix", ["", "web-1 | "])
def test_chain_of_exceptions(link: str, prefix: str) -> None:
    """Of a chain the last exception is the cause, however many were handled before it; one of another chain is not."""
    begin = ["Traceback (most recent call last):", "  File x"]
    lines = [
        *begin,
        "KeyError: 1",
        "",
        link,
        "",
        *begin,
        "OSError: 2",
        "",
        link,
        "",
        *begin,
        "ValueError: 3",
        *begin,
        "E: 4",
    ]
    lines = [f"{prefix}{line}" for line in lines]
    assert exit_reason.find_exception(lines, 0) == "ValueError: 3"
    assert str(exit_reason.describe_error_line(lines, 0)) == "ValueError: 3"
