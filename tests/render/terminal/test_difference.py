"""The whole output of a difference on a terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from tests.support.differences import CHANGE, explain, row
from weighbridge.render.terminal import difference
from weighbridge.report.difference import VariantDifference

AT_80 = """\
old -> new: +12.2 MB (184 MB to 196 MB)

   Change   Owner        Name                         What changed
 ──────────────────────────────────────────────────────────────────────────────
 +14.2 MB   python       pillow                       none → 12.1.0
 -2.00 MB   python       a-distribution-with-a-ver…   1.0 → 2.0
 +10.0 kB   base image   Debian 13.1 → 13.2           libc6 +10.0 kB
 -10.0 kB   wasted       deleted-directory
      0 B   debian       libpq5                       17.12 → 17.13
 +12.2 MB   in all

The base image changed by +10.0 kB, the rest by +12.2 MB.
Layers: 1 the same

 Layer       Shipped   Instruction
 ──────────────────────────────────────────────────────────────────────────────
 + added     56.0 MB   COPY /venv /venv
 - removed   43.8 MB   COPY /venv /venv

A node that has the first image pulls 18.3 MB for the second.
"""


def drawn(change: VariantDifference) -> str:
    """Return the terminal's output, without blanks at the ends of lines."""
    stream = io.StringIO()
    difference.render(explain(change), stream)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def test_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The causes come first, then the layers, then the cost of a pull."""
    monkeypatch.setenv("COLUMNS", "80")
    assert drawn(CHANGE) == AT_80


def test_change_below_the_noise_limit() -> None:
    """A smaller change than counts is called almost none; no change at all is not."""
    slight = replace(CHANGE, after_bytes=CHANGE.before_bytes + 9_999, delta_bytes=9_999)
    assert drawn(slight).startswith("old -> new: +10.0 kB (184 MB to 184 MB, almost unchanged)\n")
    same = replace(CHANGE, after_bytes=CHANGE.before_bytes, delta_bytes=0)
    assert drawn(same).startswith("old -> new: 0 B (184 MB to 184 MB)\n")


def test_many_rows_are_told_in_one_line() -> None:
    """Rows beyond twenty are one line with their number and their sum."""
    rows = tuple(row("python", f"p{number}", (0, 100), (None, "1")) for number in range(25))
    change = VariantDifference(variant="x", before_bytes=0, after_bytes=2500, delta_bytes=2500, layers=(), ledger=rows)
    lines = [" ".join(line.split()) for line in drawn(change).splitlines()]
    assert lines[lines.index("+500 B and 5 smaller changes") + 1] == "+2.50 kB in all"
    assert "pulls" not in drawn(change)


def test_layers_stand_in_for_a_ledger() -> None:
    """Without a ledger, the rows are the added and removed layers, and add up as well."""
    change = replace(CHANGE, ledger=())
    lines = [" ".join(line.split()) for line in drawn(change).splitlines()]
    start = lines.index("+56.0 MB layer added COPY /venv /venv")
    assert lines[start + 1 : start + 3] == ["-43.8 MB layer removed COPY /venv /venv", "+12.2 MB in all"]
