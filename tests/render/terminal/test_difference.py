"""A difference on a terminal and as JSON: the whole output."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from weighbridge.model.report import Pull
from weighbridge.render import formats
from weighbridge.render.json import render_difference
from weighbridge.render.terminal import difference
from weighbridge.report.difference import LayerDifference, LedgerDifference, VariantDifference


def row(category: str, name: str, sizes: tuple[int, int], versions: tuple[str | None, str | None]) -> LedgerDifference:
    """Return a row of a ledger's difference."""
    return LedgerDifference(
        category=category,
        name=name,
        before_version=versions[0],
        after_version=versions[1],
        before_bytes=sizes[0],
        after_bytes=sizes[1],
        delta_bytes=sizes[1] - sizes[0],
    )


CHANGE = VariantDifference(
    variant="old -> new",
    before_bytes=184_000_000,
    after_bytes=196_200_000,
    delta_bytes=12_200_000,
    base_delta_bytes=10_000,
    layers=(
        LayerDifference(instruction="ADD root.tar /", diff_id="a", change="same", shipped_bytes=78_500_000),
        LayerDifference(instruction="COPY /venv /venv", diff_id="b", change="added", shipped_bytes=56_000_000),
        LayerDifference(instruction="COPY /venv /venv", diff_id="c", change="removed", shipped_bytes=43_800_000),
    ),
    ledger=(
        row("python", "pillow", (0, 14_200_000), (None, "12.1.0")),
        row("python", "a-distribution-with-a-very-long-name", (3_000_000, 1_000_000), ("1.0", "2.0")),
        row("debian", "libpq5", (375_000, 375_000), ("17.12", "17.13")),
        row("wasted", "deleted-directory", (20_000, 10_000), (None, None)),
        row("base", "libc6", (12_000_000, 12_010_000), ("2.41-1", "2.41-2")),
        row("base", "base-files", (1_000, 1_000), ("13.8+deb13u1", "13.8+deb13u2")),
    ),
    cost=Pull(bytes=18_300_000, basis="exact"),
)
AT_80 = """\
old -> new: +12.2 MB (184 MB to 196 MB)

   Change   Whose        Name                         What changed
 ──────────────────────────────────────────────────────────────────────────────
 +14.2 MB   python       pillow                       none → 12.1.0
 -2.00 MB   python       a-distribution-with-a-ver…   1.0 → 2.0
 +10.0 kB   base image   Debian 13.1 → 13.2           libc6 +10.0 kB
 -10.0 kB   wasted       deleted-directory
      0 B   debian       libpq5                       17.12 → 17.13
 +12.2 MB   in all

The base image changed by +10.0 kB, what stands on it by +12.2 MB.
Layers: 1 the same

 Layer       Shipped   Instruction
 ──────────────────────────────────────────────────────────────────────────────
 + added     56.0 MB   COPY /venv /venv
 - removed   43.8 MB   COPY /venv /venv

A node that has the first pulls 18.3 MB for the second.
"""


def drawn(change: VariantDifference) -> str:
    """Return what the terminal shows, without the blanks at the ends of lines."""
    stream = io.StringIO()
    difference.render(change, stream)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


def test_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """First whose bytes changed, then the layers, then what it costs to pull."""
    monkeypatch.setenv("COLUMNS", "80")
    assert drawn(CHANGE) == AT_80


def test_many_rows_are_told_in_one_line() -> None:
    """Beyond twenty the rest is one line with their number and their sum."""
    rows = tuple(row("python", f"p{number}", (0, 100), (None, "1")) for number in range(25))
    change = VariantDifference(variant="x", before_bytes=0, after_bytes=2500, delta_bytes=2500, layers=(), ledger=rows)
    lines = [" ".join(line.split()) for line in drawn(change).splitlines()]
    assert lines[lines.index("+500 B and 5 smaller changes") + 1] == "+2.50 kB in all"
    assert "pulls" not in drawn(change)


def test_layers_stand_in_for_a_ledger() -> None:
    """Where a record kept no ledger, the layers that came and went are the rows, and close as well."""
    change = replace(CHANGE, ledger=())
    lines = [" ".join(line.split()) for line in drawn(change).splitlines()]
    start = lines.index("+56.0 MB layer added COPY /venv /venv")
    assert lines[start + 1 : start + 3] == ["-43.8 MB layer removed COPY /venv /venv", "+12.2 MB in all"]


def test_json() -> None:
    """JSON holds every field, and a format."""
    stream = io.StringIO()
    render_difference(CHANGE, stream)
    value = json.loads(stream.getvalue())
    assert value["format"] == 1
    assert value["cost"] == {"bytes": 18_300_000, "basis": "exact"}
    assert [each["name"] for each in value["ledger"]] == [each.name for each in CHANGE.ledger]
    assert set(formats.DIFFERENCES) == {"terminal", "json"}
