"""Signals at the border to Invoke: whenever they come, a command ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge.commands.cli import show_user_errors

PROJECT = Path(__file__).parents[2]
# The signal comes while a destructor runs, where Python drops what its handler raises.
PROGRAM = """
import os, signal, time
from weighbridge.commands.cli import show_user_errors

# A shell that starts the tests in the background has them ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Kept:
    def __del__(self):
        os.kill(os.getpid(), {number})
        time.sleep(0.01)

with show_user_errors():
    print("begun", flush=True)
    kept = Kept()
    del kept
    time.sleep(60)
    print("went on", flush=True)
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 128 + signal.SIGTERM)], ids=["INT", "TERM"]
)
def test_signal_within_a_destructor_ends_the_command(number: signal.Signals, code: int) -> None:
    """What Python drops is sent once more: nobody has to press twice, and no supervisor waits for nothing."""
    program = PROGRAM.format(number=int(number))
    ended = subprocess.run(
        [sys.executable, "-c", program], check=False, cwd=PROJECT, capture_output=True, text=True, timeout=30
    )
    assert (ended.returncode, ended.stdout) == (code, "begun\n")
    assert "ignored" not in ended.stderr


def test_menu_opens_without_what_tasks_need() -> None:
    """What `invoke --list` imports of ours brings no library that takes long: pydantic, Rich, Docker's, HTTP."""
    program = "import sys, weighbridge.commands.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=True, capture_output=True, text=True)
    assert {"weighbridge.commands.cli", "invoke"} < set(done.stdout.split())
    assert not {"pydantic", "rich", "docker", "requests", "jinja2"} & set(done.stdout.split())


LATER = (
    "weighbridge.build",
    "weighbridge.engine.client",
    "weighbridge.image.packages.",
    "weighbridge.image.weighing",
    "weighbridge.model.container",
    "weighbridge.model.smoke",
    "weighbridge.report.comparison",
    "weighbridge.report.difference",
    "weighbridge.report.growth",
    "weighbridge.settings.compose",
    "weighbridge.sources.tar",
    "docker",
    "jinja2",
    "packaging",
    "requests",
)
"""What a report loads only if it has something to read, to weigh or to compare."""


def test_report_begins_without_what_it_may_never_need() -> None:
    """Before a report has looked at any image, nothing is loaded that most reports of known images do not need."""
    program = "import sys; from weighbridge.commands import cli, project, report; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=True, capture_output=True, text=True)
    loaded = done.stdout.split()
    assert "weighbridge.commands.report" in loaded
    assert [name for name in loaded if name.startswith(LATER)] == []


@pytest.mark.parametrize("chosen", [None, "logfire"])
def test_plugins_of_others_are_not_looked_for(monkeypatch: pytest.MonkeyPatch, chosen: str | None) -> None:
    """Pydantic looks for no plugins while a command runs, unless the user has a say; afterwards it may again."""
    monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS", raising=False)
    if chosen:
        monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", chosen)
    with show_user_errors():
        assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == (chosen or "__all__")
    assert os.environ.get("PYDANTIC_DISABLE_PLUGINS") == chosen


def test_no_search_for_garbage_at_the_end(tmp_path: Path) -> None:
    """When Python ends, what a task has loaded is no longer searched; while it runs, it is."""
    program = """
import atexit, gc
from invoke.context import Context
from weighbridge.commands.cli import open_project
atexit.register(lambda: print(gc.get_freeze_count() > 0))
open_project(Context(), "report")
print(gc.get_freeze_count() > 0)
"""
    words = [sys.executable, "-c", program]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(words, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == "False\nTrue\n"
