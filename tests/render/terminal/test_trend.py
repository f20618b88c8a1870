"""The whole output of a trend at 80 and 120 columns, and as JSON."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ledgers import image_of, row, stand_on
from weighbridge.model.report import Base, Image, Pull, Rebuild, Report
from weighbridge.render import formats
from weighbridge.render.terminal import trend as render
from weighbridge.report import trend
from weighbridge.report.trend import Trend

BASE = Base(reference="python:3.13-slim-trixie", layers=2, shipped_bytes=114_836_036)
CODE = Rebuild(
    change="code", seconds=1.6, steps_run=4, steps_cached=8, layers=(), pull=Pull(bytes=22_733, basis="exact")
)
IMAGE = replace(
    stand_on(image_of("multi", row("python", "redis", 156_692_148)), BASE),
    wasted_bytes=2_271_032,
    pull=Pull(bytes=57_142_857, basis="estimated"),
)
EXACT = Pull(bytes=59_542_074, basis="exact")
DAYS: list[Image] = [
    replace(IMAGE, shipped_bytes=174_142_935, base=replace(BASE, reference="mirror/python:3.12-trixie")),
    replace(IMAGE, shipped_bytes=156_685_557),
    replace(IMAGE, shipped_bytes=156_022_058, pull=EXACT),
    replace(IMAGE, shipped_bytes=156_022_058, pull=replace(EXACT, bytes=59_512_074)),
    replace(stand_on(IMAGE, replace(BASE, shipped_bytes=114_856_036)), rebuilds=(CODE,)),
    replace(IMAGE, pull=replace(EXACT, basis="estimated"), rebuilds=(CODE,)),
]


def reports(images: list[Image]) -> list[Report]:
    """Return one record a day."""
    return [
        Report(
            recorded_at=f"2026-{11 + day // 28:02}-{1 + day % 28:02}T10:00:00Z",
            commit=f"{day}f2a9c1d34e8a0",
            dirty=day == 3,
            engine=None,
            images=(image,),
        )
        for day, image in enumerate(images)
    ]


TREND = trend.trace_variants(reports(DAYS))


def drawn(value: Trend) -> str:
    """Return the terminal's output, without blanks at the ends of lines."""
    stream = io.StringIO()
    render.render(value, stream)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n"


AT_80 = """\
multi  █ ▁▁▁▁▁  156 MB to 174 MB, 6 points
 Time              Commit    Shipped   Change      Pull     Code  Note
 ──────────────────────────────────────────────────────────────────────────────
 2026-11-06 10:00  5f2a9c1    157 MB        =  ~59.5 MB  22.7 kB  base -20.0 kB
 2026-11-05 10:00  4f2a9c1    157 MB  +670 kB  ~57.1 MB  22.7 kB  ≠ pull
 2026-11-04 10:00  3f2a9c1+   156 MB        =   59.5 MB
 2026-11-03 10:00  2f2a9c1    156 MB  -663 kB   59.5 MB           ≠ pull
 2026-11-02 10:00  1f2a9c1    157 MB        ≠  ~57.1 MB           ≠ base
 2026-11-01 10:00  0f2a9c1    174 MB           ~57.1 MB           first

 4f2a9c1: ≠ pull exact -> estimated; base +20.0 kB
 2f2a9c1: ≠ pull estimated -> exact
 1f2a9c1: ≠ base mirror/python:3.12-trixie -> python:3.13-slim-trixie

Change: of shipped bytes, since the row below; = no change.
Code: what a node pulls after a change to the code.
≠ not compared with the row below; the note says why.
+ after a commit: the tree had uncommitted changes.
~ is an estimate of gzip -6, usually within 2 %.
"""
AT_120 = """\
multi  █ ▁▁▁▁▁  156 MB to 174 MB, 6 points
 Time              Commit    Shipped   Change      Pull     Code  Pull change   Wasted  Note
 ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
 2026-11-06 10:00  5f2a9c1    157 MB        =  ~59.5 MB  22.7 kB    ~+2.40 MB  2.27 MB  base -20.0 kB
 2026-11-05 10:00  4f2a9c1    157 MB  +670 kB  ~57.1 MB  22.7 kB            ≠  2.27 MB  ≠ pull
 2026-11-04 10:00  3f2a9c1+   156 MB        =   59.5 MB              -30.0 kB  2.27 MB
 2026-11-03 10:00  2f2a9c1    156 MB  -663 kB   59.5 MB                     ≠  2.27 MB  ≠ pull estimated -> exact
 2026-11-02 10:00  1f2a9c1    157 MB        ≠  ~57.1 MB                     ≠  2.27 MB  ≠ base
 2026-11-01 10:00  0f2a9c1    174 MB           ~57.1 MB                        2.27 MB  first

 4f2a9c1: ≠ pull exact -> estimated; base +20.0 kB
 1f2a9c1: ≠ base mirror/python:3.12-trixie -> python:3.13-slim-trixie

Change: of shipped bytes, since the row below; = no change.
Code: what a node pulls after a change to the code.
≠ not compared with the row below; the note says why.
+ after a commit: the tree had uncommitted changes.
~ is an estimate of gzip -6, usually within 2 %.
"""


@pytest.mark.parametrize(("columns", "expected"), [("80", AT_80), ("120", AT_120)])
def test_whole(monkeypatch: pytest.MonkeyPatch, columns: str, expected: str) -> None:
    """The newest point is first; a break's reason is below if it does not fit; wide terminals have more columns."""
    monkeypatch.setenv("COLUMNS", columns)
    assert drawn(TREND) == expected


@pytest.mark.parametrize("columns", [80, 100, 120, 200])
def test_many_points_fit(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """The sparkline has as many of the last points as fit, and the number of earlier points is printed."""
    monkeypatch.setenv("COLUMNS", str(columns))
    many = [replace(DAYS[day % 6], variant="production") for day in range(50)] * 6
    found = trend.trace_variants(
        [replace(each, commit=f"{day:07}") for day, each in enumerate(reports(many[:50]))]
        + [replace(each, commit=f"{day:07}x") for day, each in enumerate(reports(many[50:100]))]
    )
    text = drawn(found)
    assert max(map(len, text.splitlines())) <= columns
    assert " And 80 earlier points; --format json has all of them." in text
    assert text.splitlines()[0].startswith("production  ")
    assert ("last " in text.splitlines()[0]) == (columns < 200)


def test_one_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """A single point has no change, and its sparkline is one character."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = drawn(trend.trace_variants(reports(DAYS[-1:]))).splitlines()
    assert lines[0] == "multi  ▄  157 MB, 1 point"
    assert lines[3].split()[:3] == ["2026-11-01", "10:00", "0f2a9c1"]
    assert lines[3].endswith("  first")
    assert "≠" not in "".join(lines)


def test_no_records() -> None:
    """Without records, the output says how to make one."""
    assert drawn(trend.trace_variants([])) == "No record: `invoke report` writes one.\n"


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
def test_sparkline(sizes: list[int]) -> None:
    """Each point has a character; larger images are never lower, and the extremes are the lowest and the highest."""
    (found,) = trend.trace_variants(reports([replace(IMAGE, shipped_bytes=size) for size in sizes])).variants
    signs = render.draw_sparkline(found.points)
    assert len(signs) == len(sizes)
    pairs = sorted(zip(sizes, signs, strict=True))
    assert [sign for _, sign in pairs] == sorted(signs)
    assert (pairs[0][1], pairs[-1][1]) == ("▁", "█") if len(set(sizes)) > 1 else set(signs) == {"▄"}


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON has all points, oldest first, with changes and breaks, and nothing else is printed."""
    formats.TRENDS["json"](TREND)
    out, err = capsys.readouterr()
    (variant,) = json.loads(out)["variants"]
    assert json.loads(out)["format"] == 1
    assert [point["shipped_bytes"] for point in variant["points"]] == [image.shipped_bytes for image in DAYS]
    assert variant["points"][1]["breaks"] == [
        {"figure": "all", "why": "base mirror/python:3.12-trixie -> python:3.13-slim-trixie"}
    ]
    assert variant["points"][1]["change"]["shipped_bytes"] is None
    assert variant["points"][2]["change"] == {
        "shipped_bytes": -663_499,
        "base_bytes": 0,
        "live_bytes": None,
        "wasted_bytes": 0,
        "pull_bytes": None,
        "code_bytes": None,
    }
    assert not err
