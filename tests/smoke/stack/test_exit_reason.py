"""Why a container ended, by its log: tracebacks of a real interpreter, and lines of uvicorn and Celery."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
    told = exit_reason.find_reason(log, ERRORS)
    assert told == "RuntimeError: no database; its log ends: ERROR:    Application startup failed. Exiting."


def test_exception_that_is_the_last_line() -> None:
    """A reason that is also the last line appears once."""
    assert exit_reason.find_reason(traceback("import nowhere_to_be_found"), ERRORS) == (
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
    assert exit_reason.find_reason(log, ERRORS) == told
