"""Without a terminal, progress is what `console` shows there, and Rich is loaded only for a line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from weighbridge.render.terminal import activity, console
from weighbridge.render.terminal.activity import Piped

PROJECT = Path(__file__).parents[3]


def _say(shown: console.Activity | Piped) -> None:
    shown.note("Pulling [redis]")
    shown.begin("hidden")
    shown.track_reading()(10**7)
    shown.finish("done ", console.Cell("x\x1b[2J", "red"))
    shown.tell("long " * 40)


def test_line_is_said_as_from_the_console(capsys: pytest.CaptureFixture[str]) -> None:
    """Unbroken, and on standard error."""
    activity.say("Recorded in [x] " * 20)
    found = capsys.readouterr()
    console.say("Recorded in [x] " * 20)
    assert found == capsys.readouterr()
    assert found.err.count("\n") == 1


def test_same_lines_as_from_the_console(capsys: pytest.CaptureFixture[str]) -> None:
    """Into a pipe, whoever shows them."""
    with activity.show_activity() as shown:
        assert isinstance(shown, Piped)
        _say(shown)
    found = capsys.readouterr()
    with console.show_activity() as other:
        _say(other)
    assert found == capsys.readouterr()
    assert found.err.startswith("Pulling [redis]\ndone x")


SILENT = """
import sys
from weighbridge.render.terminal.activity import show_activity
with show_activity() as shown:
    shown.begin("x")
    shown.track_reading()(1)
    before = "rich" in sys.modules
    shown.tell("one line")
print(before, "rich" in sys.modules)
"""


@pytest.mark.parametrize(
    ("variables", "loaded"),
    [({}, "False True"), ({"FORCE_COLOR": "1"}, "True True"), ({"TTY_COMPATIBLE": "1"}, "True True")],
)
def test_rich_is_loaded_late(variables: Mapping[str, str], loaded: str) -> None:
    """In a pipe when there is a line to print; at once where a variable makes Rich take it for a terminal."""
    clean = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "TTY_COMPATIBLE")}
    done = subprocess.run(
        [sys.executable, "-c", SILENT],
        cwd=PROJECT,
        env=clean | dict(variables),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[0] == loaded
    assert "one line" in done.stderr


def test_terminal_shows_what_moves(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As `console` does."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with activity.show_activity() as shown:
        assert isinstance(shown, console.Activity)
    capsys.readouterr()
