"""Builds while they run, and the table of what was built."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from weighbridge.model.build import Step, StepState
from weighbridge.render.terminal import build_progress, console


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every output be 80 columns wide."""
    monkeypatch.setenv("COLUMNS", "80")


def step(state: StepState, seconds: float = 0) -> Step:
    """Return a step."""
    return Step(name="[builder 2/3] RUN pip install", state=state, seconds=seconds)


def test_steps_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """A step is one line when it ends: variant, state, seconds if it ran, and its full name."""
    with console.show_activity() as shown:
        draw = build_progress.show_steps(shown, "multi")
        for each in (step("running"), step("done", 12.34), step("cached"), step("failed"), step("cancelled")):
            draw(each)
    out, err = capsys.readouterr()
    assert not out
    assert err.splitlines() == [
        "multi    done       12.3 s [builder 2/3] RUN pip install",
        "multi    cached            [builder 2/3] RUN pip install",
        "multi    FAILED            [builder 2/3] RUN pip install",
        "multi    cancelled         [builder 2/3] RUN pip install",
    ]


def test_terminal_lines_are_cut_to_its_width() -> None:
    """On a terminal a finished line never wraps, and the moving line is gone when all is done."""
    stream = io.StringIO()
    terminal = Console(file=stream, force_terminal=True, width=40, legacy_windows=False, color_system=None)
    shown = console.Activity(terminal)
    with shown.show():
        build_progress.show_steps(shown, "multi")(step("done", 1))
    (line,) = (line for line in stream.getvalue().split("\n") if "done" in line)
    assert "multi    done        1.0 s [builder 2/3…" in line
    assert stream.getvalue().endswith("\x1b[2K")
