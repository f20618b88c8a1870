"""The smoke test on a terminal and in a pipe: while it runs, and the whole output at its end."""

from __future__ import annotations

import io
import json as standard_json
import re
from dataclasses import replace
from threading import Thread

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from weighbridge.model.smoke import Check, Outcome, Proof, StartCosts
from weighbridge.quoting import on_one_line
from weighbridge.render import formats, json
from weighbridge.render.terminal import console, smoke


def check(
    role: str, rule: str, seconds: float = 0.01, outcome: Outcome = "passed", detail: str = "as it should"
) -> Check:
    """Return a check."""
    return Check(role=role, rule=rule, outcome=outcome, detail=detail, seconds=seconds)


REFUSED = "no worker answered within 60 s, and its log ends with a refused connection to redis:6379; set REDIS_URL"
SETUID = check("image", "no-setuid-files", 0.02, "waived", "/usr/bin/newgrp is setuid; accepted: it is the customer's")
CHECKS = (
    check("image", "runs-as-non-root", detail="user 10001"),
    check("stack", "redis-starts", 0.31),
    check("api", "becomes-healthy", 1.26, detail="healthy after 1.3 s"),
    check("worker", "ready", 12.04, detail="answered a ping"),
    check("worker", "finishes-running-job-on-sigterm", 2.6, detail="the job was done, and then it ended by itself"),
    check("stack", "no-error-in-logs", 0.049, detail="no line of 214"),
)
FIGURES = StartCosts(
    api_live_seconds=0.84,
    api_ready_seconds=1.26,
    worker_ready_seconds=2.2,
    api_memory_bytes=71_234_000,
    worker_memory_bytes=88_400_000,
)
GOOD = Proof(variant="minimal", seconds=17.2, checks=CHECKS, figures=FIGURES)
WAIVED = Proof(variant="single", seconds=17.31, checks=(SETUID, *CHECKS), figures=FIGURES)
FAILED = Proof(
    variant="multi",
    seconds=63.5,
    checks=(
        CHECKS[0],
        SETUID,
        *CHECKS[1:3],
        check("worker", "ready", 60.04, "failed", REFUSED),
        check("worker", "finishes-running-job-on-sigterm", 0, "skipped", "worker ready does not hold"),
        check("stack", "no-error-in-logs", 0.3, "failed", "the worker logged\n3 error lines"),
    ),
    log="Traceback",
    figures=replace(FIGURES, worker_ready_seconds=None),
)
THREE_AT_80 = """\
Smoke test

 Role     Rule                              single   multi    minimal
 ────────────────────────────────────────────────────────────────────
 image    no-setuid-files                   ~        ~
          runs-as-non-root                  ✓        ✓        ✓
 api      becomes-healthy                   ✓  1.3   ✓  1.3   ✓  1.3
 worker   ready                             ✓ 12.0   ✗ 60.0   ✓ 12.0
          finishes-running-job-on-sigterm   ✓  2.6   –        ✓  2.6
 stack    redis-starts                      ✓  0.3   ✓  0.3   ✓  0.3
          no-error-in-logs                  ✓        ✗  0.3   ✓

✓ holds, ✗ fails, ~ waived in invoke.yaml, – not tried; seconds from 0.05 on.

✗ worker ready, multi
  no worker answered within 60 s, and its log ends with a refused connection to
  redis:6379; set REDIS_URL
✗ stack no-error-in-logs, multi
  the worker logged 3 error lines

~ image no-setuid-files, single and multi
  /usr/bin/newgrp is setuid; accepted: it is the customer's

Starts and memory

 Variant   API live   API ready   Worker ready   API memory   Worker memory
 ──────────────────────────────────────────────────────────────────────────
 single       0.8 s       1.3 s          2.2 s      71.2 MB         88.4 MB
 multi        0.8 s       1.3 s        unknown      71.2 MB         88.4 MB
 minimal      0.8 s       1.3 s          2.2 s      71.2 MB         88.4 MB

Where the time went
single   17.3 s: worker 14.6, api 1.3, other 1.0, stack 0.4
multi    63.5 s: worker 60.0, other 1.6, api 1.3, stack 0.6
minimal  17.2 s: worker 14.6, api 1.3, other 0.9, stack 0.4

✓ single and minimal run: 12 rules hold in 17.3 s, 1 waived
✗ multi fails 2 of 7 rules: worker ready, stack no-error-in-logs; 1 not tried
"""  # noqa: RUF001 - the dash is a sign of the table
ONE_AT_80 = """\
Smoke test

 Role     Rule                              minimal   What was seen
 ──────────────────────────────────────────────────────────────────────────────
 image    runs-as-non-root                  ✓         user 10001
 api      becomes-healthy                   ✓  1.3    healthy after 1.3 s
 worker   ready                             ✓ 12.0    answered a ping
          finishes-running-job-on-sigterm   ✓  2.6    the job was done, and th…
 stack    redis-starts                      ✓  0.3    as it should
          no-error-in-logs                  ✓         no line of 214

✓ holds; seconds from 0.05 on.

Where the time went
minimal  17.2 s: worker 14.6, api 1.3, other 0.9, stack 0.4

✓ minimal runs: 6 rules hold in 17.2 s
"""


def drawn(*found: Proof) -> str:
    """Return what the terminal shows, without the blanks at the ends of lines."""
    stream = io.StringIO()
    smoke.render(found, stream)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every output be 80 columns wide, where a test does not say otherwise."""
    monkeypatch.setenv("COLUMNS", "80")


def test_three_variants_at_80_columns() -> None:
    """Rules by role, whatever their order; each reason once; what starts cost; where the time went; the verdict."""
    assert drawn(WAIVED, FAILED, GOOD) == THREE_AT_80


def test_three_variants_at_120_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """More width goes to the reasons and to nothing else."""
    monkeypatch.setenv("COLUMNS", "120")
    wide = drawn(WAIVED, FAILED, GOOD)
    assert wide == THREE_AT_80.replace("connection to\n  redis", "connection to redis")


def test_one_variant_at_80_columns() -> None:
    """What was seen stands beside each rule, cut to the width; figures that nobody took are left out."""
    assert drawn(replace(GOOD, figures=StartCosts())) == ONE_AT_80


def test_one_variant_at_120_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """More width goes to what was seen and to nothing else."""
    monkeypatch.setenv("COLUMNS", "120")
    wide = drawn(replace(GOOD, figures=StartCosts()))
    assert wide == ONE_AT_80.replace("and th…", "and then it ended by itself").replace("─" * 78, "─" * 118)


def test_one_variant_that_fails_says_why_once() -> None:
    """Beside the rule stands where to look; the reason is told in full, below and once."""
    text = drawn(FAILED)
    assert re.search(r"ready +✗ 60[.]0 +see below", text)
    assert re.search(r"on-sigterm +– +worker ready does not hold", text)  # noqa: RUF001 - a sign of the table
    assert text.count("the worker logged 3 error lines") == 1
    assert "\n✗ worker ready\n  no worker answered" in text


def test_same_reason_of_several_variants_is_told_once() -> None:
    """A reason is told with all whose it is; another reason of the same rule stands beside it."""
    other = replace(FAILED, variant="other", checks=(*FAILED.checks[:-1], replace(FAILED.checks[-1], detail="4 lines")))
    text = drawn(FAILED, other)
    assert text.count("no worker answered") == 1
    assert "✗ worker ready, multi and other\n" in text
    assert "✗ stack no-error-in-logs, other\n  4 lines\n✗ stack no-error-in-logs, multi\n  the worker logged" in text


def test_all_run() -> None:
    """The verdict on all is one line."""
    two = replace(GOOD, variant="single", seconds=14.23)
    assert drawn(GOOD, two).splitlines()[-1] == "✓ 2 variants run: 12 rules hold in 17.2 s"


def test_verdict_without_a_failure() -> None:
    """A variant whose rules were not tried does not run."""
    untried = Proof(variant="multi", seconds=1, checks=(check("api", "live", 0, "skipped", "interrupted"),))
    assert drawn(untried).splitlines()[-1] == "✗ multi: of 1 rule, 1 not tried"
    assert "see below" not in drawn(untried)


def test_rules_of_one_variant_alone_stand_where_they_came() -> None:
    """Variants that are held to different rules line up; one that does not know a rule has nothing there."""
    one, two, three = (check("stack", name) for name in ("one", "two", "three"))
    text = drawn(
        Proof(variant="a", seconds=1, checks=(one, three)),
        Proof(variant="b", seconds=1, checks=(one, two, three, check("fault", "redis-restarts"))),
    )
    rows = [line.split() for line in text.splitlines()[4:8]]
    assert rows == [
        ["stack", "one", "✓", "✓"],
        ["two", "✓"],
        ["three", "✓", "✓"],
        ["fault", "redis-restarts", "✓"],
    ]
    assert text.splitlines()[5].index("✓") == text.splitlines()[4].rindex("✓")


@pytest.mark.parametrize("columns", [60, 72, 80, 200])
def test_table_fits(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """A long name of a rule is cut before anything else is."""
    monkeypatch.setenv("COLUMNS", str(columns))
    long = replace(
        FAILED, checks=(*FAILED.checks, check("stack", "a-rule-with-a-very-long-name-that-somebody-gave-it"))
    )
    table = drawn(WAIVED, long, GOOD).partition("✓ holds")[0]
    assert max(map(len, table.splitlines())) <= columns
    assert "✗ 60.0" in table
    assert " worker   ready" in table


def test_pipe_has_no_control_sequences(capsys: pytest.CaptureFixture[str]) -> None:
    """What a program of the image said cannot move the cursor, and is no markup."""
    evil = replace(FAILED.checks[-1], detail="\x1b[2J[red]x[/red] \ud800\r\n\x07")
    smoke.render([replace(FAILED, checks=(evil,))])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\ufffd[2J[red]x[/red] \ufffd \ufffd" in out


@given(st.text(st.characters()))
@example("\x1b]0;title\x07\u202e\x9b")
def test_one_line(text: str) -> None:
    """Whatever the text, it becomes one line that prints as it is; one that was so stays the same."""
    line = on_one_line(text)
    assert line.isprintable()
    assert on_one_line(line) == line
    assert len(line) <= len(text)


def test_nothing_to_show() -> None:
    """No variants give no verdict, and nothing breaks."""
    assert drawn().splitlines()[0] == "Smoke test"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts get every check, the figures and the format's version; the logs stay out."""
    json.render_proofs([WAIVED, replace(FAILED, logs={"api": "secret"})])
    out = capsys.readouterr().out
    found = standard_json.loads(out)
    assert found["format"] == 1
    assert [(each["variant"], each["ok"], each["seconds"]) for each in found["variants"]] == [
        ("single", True, 17.31),
        ("multi", False, 63.5),
    ]
    assert found["variants"][1]["checks"][4] == {
        "role": "worker",
        "rule": "ready",
        "ok": False,
        "outcome": "failed",
        "detail": REFUSED,
        "seconds": 60.04,
    }
    assert found["variants"][1].keys() == {"variant", "ok", "seconds", "image_id", "figures", "checks"}
    assert found["variants"][1]["figures"]["worker_ready_seconds"] is None
    assert found["variants"][0]["figures"]["api_memory_bytes"] == 71_234_000
    assert "secret" not in out
    assert "Traceback" not in out


def test_formats() -> None:
    """People, scripts and CI each have one."""
    assert list(formats.PROOFS) == ["terminal", "json", "junit"]


def tried(told: smoke.Progress, proof: Proof) -> None:
    """Tell what happens while a variant is tried."""
    for each in proof.checks:
        told.began(proof.variant, each.role, each.rule)
        told.checked(proof.variant, each)
    told.ended(proof.variant, proof)


def test_progress_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """A failure is one line at once, and a variant's end is one; nothing else is told, all of it on standard error."""
    with console.activity() as shown:
        told = smoke.progress(shown, ["single", "multi"])
        tried(told, WAIVED)
        tried(told, FAILED)
    out, err = capsys.readouterr()
    assert not out
    assert err.splitlines() == [
        "single ✓ 6 rules hold, 1 waived, 17.3 s",
        f"multi ✗ worker ready: {REFUSED}",
        "multi ✗ stack no-error-in-logs: the worker logged 3 error lines",
        "multi ✗ 2 of 7 rules fail, 1 not tried, 63.5 s",
    ]


def terminal(width: int) -> tuple[console.Activity, io.StringIO]:
    """Return what shows progress on a terminal of so many columns, and what is written there."""
    stream = io.StringIO()
    there = Console(file=stream, force_terminal=True, width=width, legacy_windows=False, color_system=None)
    return console.Activity(there), stream


def frames(stream: io.StringIO) -> list[list[str]]:
    """Return what stood on the terminal, one after the other, without what moves its cursor."""
    parts = re.split(r"\r?(?:\x1b\[2K)?(?:\x1b\[1A\x1b\[2K)+", stream.getvalue())
    return [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", part).splitlines() for part in parts]


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_progress_on_a_terminal(columns: int) -> None:
    """A row per variant says what holds, what fails and what is tried now, and never wraps; at the end it is gone."""
    shown, stream = terminal(columns)
    with shown.shown():
        told = smoke.progress(shown, ["multi", "minimal"])
        told.began("minimal", "worker", "finishes-running-job-on-sigterm")
        told.began("multi", "worker", "ready")
        told.checked("multi", FAILED.checks[4])  # what is printed redraws the table below it
    # The table is the last three lines of the frame with the failure in it.
    header, multi, minimal = next(frame for frame in frames(stream) if any("✗ worker" in line for line in frame))[-3:]
    assert header.startswith("Variant  Hold  Fail  Try")
    assert multi.split()[:5] == ["multi", "✓", "0", "✗", "1"]
    assert minimal.split()[:3] == ["minimal", "✓", "0"]
    assert max(map(len, (header, multi, minimal))) <= min(columns, 80)
    assert ("worker finishes-running-job-on-sigterm" in minimal) is (columns >= 80)
    assert stream.getvalue().endswith("\x1b[2K")


def test_failure_on_a_terminal_wraps_and_is_whole() -> None:
    """The whole reason is told at once, however narrow the terminal is."""
    shown, stream = terminal(50)
    with shown.shown():
        smoke.progress(shown, ["multi"]).checked("multi", FAILED.checks[4])
    lines = next(frame for frame in frames(stream) if any("✗ worker" in line for line in frame))[:-2]
    assert len(lines) > 1
    assert max(map(len, lines)) <= 50
    assert " ".join(line.strip() for line in lines) == f"multi ✗ worker ready: {REFUSED}"


def test_table_goes_when_all_variants_are_done() -> None:
    """What follows in the same activity has the moving line for itself; while the table is there, notes stay above."""
    shown, stream = terminal(80)
    with shown.shown():
        told = smoke.progress(shown, ["multi"])
        shown.note("left a network")
        told.ended("multi", FAILED)
        shown.note("pushing")
        shown.finish("pushed")
    seen = frames(stream)
    assert any(frame[0] == "left a network" and frame[1].startswith("Variant") for frame in seen if len(frame) > 1)
    last = next(frame for frame in seen if "pushed" in frame)
    assert "pushing  0 s" in last[last.index("pushed") + 1]
    assert not any("Variant" in line for line in last)


def test_many_threads() -> None:
    """Variants that are tried side by side lose nothing, and nobody waits for somebody who waits."""
    shown, stream = terminal(200)
    names = [f"v{number}" for number in range(6)]
    with shown.shown():
        told = smoke.progress(shown, names)
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
