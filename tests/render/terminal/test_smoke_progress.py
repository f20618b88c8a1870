"""A smoke test while it runs, in a pipe and on a terminal: shown on standard error, apart from the result."""

from __future__ import annotations

import io
import re
from threading import Thread

import pytest
from rich.console import Console

from tests.support.proofs import FAILED, REFUSED, WAIVED, WORKS, check
from weighbridge.model.smoke import Proof
from weighbridge.render.terminal import console, smoke_progress


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every output 80 columns wide, unless a test says otherwise."""
    monkeypatch.setenv("COLUMNS", "80")


def tried(told: smoke_progress.Progress, proof: Proof) -> None:
    """Report to the watcher what happens while a variant is tried."""
    for each in proof.checks:
        told.begin_rule(proof.variant, each.role, each.rule)
        told.end_rule(proof.variant, each)
    told.end_variant(proof.variant, proof)


def test_progress_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """A failure is one line at once, and so is a variant's end; all of it on standard error, and nothing else."""
    with console.show_activity() as shown:
        told = smoke_progress.show_progress(shown, ["single", "multi"])
        tried(told, WAIVED)
        tried(told, FAILED)
    out, err = capsys.readouterr()
    assert not out
    assert err.splitlines() == [
        "single ✓ 6 of 7 rules hold, 1 waived, in 17.3 s",
        f"multi ✗ worker ready: {REFUSED}",
        "multi ✗ stack no-error-in-logs: the worker logged 3 error lines",
        "multi ✗ 2 of 7 rules fail, 1 waived, 1 not tried, in 63.5 s",
    ]


def test_what_is_noted_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """While a variant is tried, each failure has a line; what is noted is counted at the end."""
    with console.show_activity() as shown:
        tried(smoke_progress.show_progress(shown, ["multi"]), WORKS)
    assert capsys.readouterr().err.splitlines() == [
        "multi ✓ 5 of 8 rules hold, 2 noted for `hardened`, 1 not tried, in 16.9 s"
    ]


def terminal(width: int) -> tuple[console.Activity, io.StringIO]:
    """Return what shows progress on a terminal of so many columns, and what is written there."""
    stream = io.StringIO()
    there = Console(file=stream, force_terminal=True, width=width, legacy_windows=False, color_system=None)
    return console.Activity(there), stream


def frames(stream: io.StringIO) -> list[list[str]]:
    """Return all that the terminal showed, frame by frame, without control sequences."""
    parts = re.split(r"\r?(?:\x1b\[2K)?(?:\x1b\[1A\x1b\[2K)+", stream.getvalue())
    return [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", part).splitlines() for part in parts]


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_progress_on_a_terminal(columns: int) -> None:
    """A row per variant says what holds, what fails and what is tried now, and never wraps; at the end it is gone."""
    shown, stream = terminal(columns)
    with shown.show():
        told = smoke_progress.show_progress(shown, ["multi", "minimal"])
        told.begin_rule("minimal", "worker", "finishes-running-job-on-sigterm")
        told.begin_rule("multi", "worker", "ready")
        told.end_rule("multi", FAILED.checks[4])  # what is printed redraws the table below it
    # The table is the last three lines of the frame with the failure in it.
    header, multi, minimal = next(frame for frame in frames(stream) if any("✗ worker" in line for line in frame))[-3:]
    assert header.startswith("Variant  Hold  Fail  Try")
    assert multi.split()[:5] == ["multi", "✓", "0", "✗", "1"]
    assert minimal.split()[:3] == ["minimal", "✓", "0"]
    assert max(map(len, (header, multi, minimal))) <= min(columns, 80)
    assert ("worker finishes-running-job-on-sigterm" in minimal) is (columns >= 80)
    assert stream.getvalue().endswith("\x1b[2K")


def test_failure_on_a_terminal_wraps_and_is_whole() -> None:
    """The whole reason is printed at once, however narrow the terminal is."""
    shown, stream = terminal(50)
    with shown.show():
        smoke_progress.show_progress(shown, ["multi"]).end_rule("multi", FAILED.checks[4])
    lines = next(frame for frame in frames(stream) if any("✗ worker" in line for line in frame))[:-2]
    assert len(lines) > 1
    assert max(map(len, lines)) <= 50
    assert " ".join(line.strip() for line in lines) == f"multi ✗ worker ready: {REFUSED}"


def test_table_goes_when_all_variants_are_done() -> None:
    """While the table is shown, notes appear above it; afterwards the same activity can use the moving line."""
    shown, stream = terminal(80)
    with shown.show():
        told = smoke_progress.show_progress(shown, ["multi"])
        shown.note("left a network")
        told.end_variant("multi", FAILED)
        shown.note("pushing")
        shown.finish("pushed")
    seen = frames(stream)
    assert any(frame[0] == "left a network" and frame[1].startswith("Variant") for frame in seen if len(frame) > 1)
    last = next(frame for frame in seen if "pushed" in frame)
    assert "pushing  0 s" in last[last.index("pushed") + 1]
    assert not any("Variant" in line for line in last)


def test_many_threads() -> None:
    """Nothing is lost when several threads report at once, and no thread deadlocks."""
    shown, stream = terminal(200)
    names = [f"v{number}" for number in range(6)]
    with shown.show():
        told = smoke_progress.show_progress(shown, names)
        failures = [check("api", f"rule-{number}", outcome="failed", detail="no") for number in range(20)]
        threads = [
            Thread(target=tried, args=(told, Proof(variant=name, seconds=1, checks=(*failures,))), daemon=True)
            for name in names
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
    for name in names:
        for each in failures:
            assert f"{name} ✗ api {each.rule}: no\n" in stream.getvalue()
