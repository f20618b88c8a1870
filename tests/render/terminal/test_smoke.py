"""The whole output of a smoke test at its end, on a terminal and in a pipe."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from tests.support.proofs import FAILED, GOOD, WAIVED, WORKS, check
from weighbridge.model.smoke import Proof, StartCosts
from weighbridge.render.terminal import smoke

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

✓ holds, ✗ fails, ~ waived in the settings, – not tried; seconds from 0.05 on.

✗ worker ready, multi
  no worker answered within 60 s, and its log ends with a refused connection to
  redis:6379; set REDIS_URL
✗ stack no-error-in-logs, multi
  the worker logged 3 error lines

~ image no-setuid-files, single and multi
  /usr/bin/newgrp is setuid; waived: it is the customer's

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

✓ single and minimal run: 12 of 13 rules hold, 1 waived, in 17.3 s
✗ multi fails 2 of 7 rules: worker ready, stack no-error-in-logs; 3 hold, 1 waived, 1 not tried
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

✓ minimal runs: 6 of 6 rules hold in 17.2 s
"""
WORKS_AT_80 = """\
Smoke test

 Role     Rule                              multi    What was seen
 ──────────────────────────────────────────────────────────────────────────────
 image    no-compiler                       ·        see below
          runs-as-non-root                  ·        see below
          code-is-not-writable              –        not tried, because `image…
 before   migrate                           ✓  0.8   exited with code 0 after …
 api      becomes-healthy                   ✓  1.3   healthy after 1.3 s
 worker   ready                             ✓ 12.0   answered a ping
          finishes-running-job-on-sigterm   ✓  2.6   the job was done, and the…
 stack    no-error-in-logs                  ✓        no line of 214

✓ holds, · does not hold, and only `hardened` demands it, – not tried; seconds
from 0.05 on.

What `hardened` would also report
· image no-compiler
  /usr/bin/gcc is a compiler; build in another stage
· image runs-as-non-root
  names no user, so it runs as root; end its Dockerfile with `USER 1`

Where the time went
multi  16.9 s: worker 14.6, api 1.3, before 0.8, other 0.1

✓ multi runs: 5 of 8 rules hold, 2 noted for `hardened`, 1 not tried, in 16.9 s
"""  # noqa: RUF001 - the dash is a sign of the table


def drawn(*found: Proof) -> str:
    """Return what the terminal shows, without the blanks at the ends of lines."""
    stream = io.StringIO()
    smoke.render(found, stream)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every output 80 columns wide, unless a test says otherwise."""
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
    """Each rule has what it saw beside it, cut to the width; figures that were not measured are left out."""
    assert drawn(replace(GOOD, figures=StartCosts())) == ONE_AT_80


def test_one_variant_at_120_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """More width goes to what was seen and to nothing else."""
    monkeypatch.setenv("COLUMNS", "120")
    wide = drawn(replace(GOOD, figures=StartCosts()))
    assert wide == ONE_AT_80.replace("and th…", "and then it ended by itself").replace("─" * 78, "─" * 118)


def test_what_works_at_80_columns() -> None:
    """What only `hardened` demands stands apart from failures, with its reasons, and does not spoil the verdict."""
    assert drawn(replace(WORKS, figures=StartCosts())) == WORKS_AT_80


def test_what_fails_beside_what_is_noted() -> None:
    """A failure comes first; the verdict counts both."""
    mixed = replace(WORKS, checks=(*WORKS.checks[:5], FAILED.checks[4], *WORKS.checks[6:]))
    text = drawn(mixed)
    assert text.index("✗ worker ready") < text.index("What `hardened` would also report")
    assert text.splitlines()[-1].startswith(
        "✗ multi fails 1 of 8 rules: worker ready; 4 hold, 2 noted for `hardened`, 1 not"
    )


def test_one_variant_that_fails_says_why_once() -> None:
    """The rule's row points to the full reason, which is printed once below."""
    text = drawn(FAILED)
    assert re.search(r"ready +✗ 60[.]0 +see below", text)
    assert re.search(r"on-sigterm +– +worker ready does not hold", text)  # noqa: RUF001 - a sign of the table
    assert text.count("the worker logged 3 error lines") == 1
    assert "\n✗ worker ready\n  no worker answered" in text


def test_same_reason_of_several_variants_is_told_once() -> None:
    """A reason is printed once, with all variants that share it; another reason of the same rule is printed, too."""
    other = replace(FAILED, variant="other", checks=(*FAILED.checks[:-1], replace(FAILED.checks[-1], detail="4 lines")))
    text = drawn(FAILED, other)
    assert text.count("no worker answered") == 1
    assert "✗ worker ready, multi and other\n" in text
    assert "✗ stack no-error-in-logs, other\n  4 lines\n✗ stack no-error-in-logs, multi\n  the worker logged" in text


def test_all_run() -> None:
    """The verdict on all is one line."""
    two = replace(GOOD, variant="single", seconds=14.23)
    assert drawn(GOOD, two).splitlines()[-1] == "✓ 2 variants run: 12 of 12 rules hold in 17.2 s"


def test_verdict_without_a_failure() -> None:
    """A variant of which a rule was not tried runs if nothing fails; that is said, and no reason is promised."""
    untried = Proof(variant="multi", seconds=1, checks=(check("api", "live", 0, "skipped", "not tried"),))
    assert drawn(untried).splitlines()[-1] == "✓ multi runs: 0 of 1 rule holds, 1 not tried, in 1.0 s"
    assert "see below" not in drawn(untried)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (True, False, "2 of 7 rules, 1 of them because of the base image alone: worker ready, stack"),
        (True, True, "2 of 7 rules, because of the base image alone: worker ready, stack"),
        (False, False, "2 of 7 rules: worker ready, stack"),
    ],
)
def test_rules_that_the_base_breaks(words: str, *, first: bool, second: bool) -> None:
    """The verdict counts the rules that fail because of the base image alone."""
    told = iter((first, second))
    checks = [replace(each, from_base=each.outcome == "failed" and next(told)) for each in FAILED.checks]
    assert f"multi fails {words}" in drawn(replace(FAILED, checks=tuple(checks)))


def test_rules_of_one_variant_alone_stand_where_they_came() -> None:
    """Variants with different rules line up; a variant without a rule has an empty cell."""
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
    """Output of the image's programs cannot move the cursor, and is not read as markup."""
    evil = replace(FAILED.checks[-1], detail="\x1b[2J[red]x[/red] \ud800\r\n\x07")
    smoke.render([replace(FAILED, checks=(evil,))])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\ufffd[2J[red]x[/red] \ufffd \ufffd" in out


def test_nothing_to_show() -> None:
    """No variants give no verdict, and nothing breaks."""
    assert drawn().splitlines()[0] == "Smoke test"
