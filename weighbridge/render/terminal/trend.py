"""Prints a trend on a terminal: for each variant a sparkline of all its points, and a table of its last ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from weighbridge.quoting import spell_commands
from weighbridge.render.overview import format_bytes, format_count, format_delta, format_moment, format_pull
from weighbridge.render.terminal.console import (
    Cell,
    Column,
    Style,
    measure_width,
    print_dense_table,
    print_line,
    print_paragraph,
)
from weighbridge.report.trend import BrokenFigure, Point, Trend, VariantTrend
from weighbridge.report.units import format_size

_ROWS = 20
_SIGNS = "▁▂▃▄▅▆▇█"
_FLAT = "▄"
_APART = "≠"
_COMMIT = 7
_COLUMNS = (
    Column(name="Time"),
    Column(name="Commit"),
    Column(name="Shipped", right=True),
    Column(name="Change", right=True),
    Column(name="Pull", right=True),
)
_CODE = Column(name="Code", right=True)
_NOTE = Column(name="Note", grows=True)
_MORE_COLUMNS = (Column(name="Pull change", right=True), Column(name="Wasted", right=True))
_WIDE = 110
"""The least width of a terminal for more columns."""
_NARROW_NOTE, _WIDE_NOTE = 68, 90
"""The most columns of the terminal that all columns but the note take, without and with those."""


def render(trend: Trend, stream: TextIO | None = None) -> None:
    """Print each variant, the newest point first."""
    for each in trend.variants:
        _print_variant(each, trend.noise_bytes, stream)
    if not trend.variants:
        print_line(spell_commands("No record: `invoke report` writes one."), stream=stream)
        return
    for line in _describe_basis(trend):
        print_paragraph(line, "dim", stream=stream)


def _print_variant(trend: VariantTrend, noise_bytes: int, stream: TextIO | None) -> None:
    columns = measure_width(stream)
    wide = columns >= _WIDE
    room = columns - (_WIDE_NOTE if wide else _NARROW_NOTE)
    shown = trend.points[: -_ROWS - 1 : -1]
    code = any(point.code for point in shown)
    rows = [_build_row(point, noise_bytes, code=code, wide=wide, room=room) for point in shown]
    if len(shown) == len(trend.points):
        rows[-1] = (*rows[-1][:-1], Cell("first", "dim"))
    headings = (*_COLUMNS, *((_CODE,) if code else ()), *(_MORE_COLUMNS if wide else ()), _NOTE)
    print_dense_table(_build_heading(trend, columns), headings, rows, stream=stream)
    lines = [
        f"{_format_commit(point)}: {_write_note(point)}"
        for point in shown
        if point.breaks and len(_write_note(point)) > room
    ]
    if len(shown) < len(trend.points):
        lines.append(f"And {len(trend.points) - len(shown)} earlier points; --format json has all of them.")
    for line in lines:
        print_paragraph(line, "dim", indent=1, stream=stream)
    if lines:
        print_line("", stream=stream)


def _build_heading(trend: VariantTrend, columns: int) -> str:
    """Return the variant, its sparkline, and the sizes of its lowest and highest points."""
    # Subtract the longest text that can follow, because the actual one depends on how many points fit.
    room = columns - len(trend.variant) - len("  last 9999 points  ") - 2 * len("~1,234 MB") - len(" to ")
    points = _select_fitting(trend.points, max(1, room))
    sizes = [point.shipped_bytes for point in points]
    whole = len(points) == len(trend.points)
    count = f"{'' if whole else 'last '}{format_count(len(points), 'point')}"
    span = (
        format_size(min(sizes))
        if format_size(min(sizes)) == format_size(max(sizes))
        else f"{format_size(min(sizes))} to {format_size(max(sizes))}"
    )
    return f"{trend.variant}  {draw_sparkline(points)}  {span}, {count}"


def _select_fitting(points: Sequence[Point], room: int) -> Sequence[Point]:
    """Return as many of the last points as fit the sparkline."""
    taken = 0
    for count, point in enumerate(reversed(points)):
        taken += 1 + (point.is_apart and count + 1 < len(points))
        if taken > room:
            return points[len(points) - max(1, count) :]
    return points


def draw_sparkline(points: Sequence[Point]) -> str:
    """Return a character for each point's shipped bytes, oldest first, with a blank between points not compared."""
    low, high = (pick(point.shipped_bytes for point in points) for pick in (min, max))
    signs = []
    for place, point in enumerate(points):
        share = (point.shipped_bytes - low) / (high - low) if high > low else 0
        sign = _SIGNS[round(share * (len(_SIGNS) - 1))] if high > low else _FLAT
        signs.append(f" {sign}" if point.is_apart and place else sign)
    return "".join(signs)


def _build_row(point: Point, noise_bytes: int, *, code: bool, wide: bool, room: int) -> Sequence[Cell | str]:
    estimated = "~" if point.pull and point.pull.basis == "estimated" else ""
    more = (
        (
            _format_change(point, "pull", point.change.pull_bytes, noise_bytes, estimated),
            format_bytes(point.wasted_bytes),
        )
        if wide
        else ()
    )
    note = _write_note(point) if len(_write_note(point)) <= room else _shorten_note(point)
    return (
        format_moment(point.recorded_at),
        Cell(_format_commit(point), "bold"),
        format_size(point.shipped_bytes),
        _format_change(point, None, point.change.shipped_bytes, noise_bytes),
        format_pull(point.pull),
        *((format_pull(point.code) if point.code else "",) if code else ()),
        *more,
        Cell(note, "yellow" if point.breaks else "dim"),
    )


def _format_commit(point: Point) -> str:
    """Return the start of the commit's hash, with `+` if the tree had uncommitted changes."""
    return f"{point.commit[:_COMMIT]}{'+' if point.dirty else ''}" if point.commit else "none"


def _format_change(
    point: Point, figure: BrokenFigure | None, change: int | None, noise_bytes: int, sign: str = ""
) -> Cell | str:
    """Return a change, after `sign`, such as the `~` of an estimate. A change below the noise limit has no colour."""
    if point.is_apart or any(each.figure == figure for each in point.breaks):
        return Cell(_APART, "yellow")
    if not change:
        return "" if change is None else Cell("=", "dim")
    style: Style = "dim" if abs(change) < noise_bytes else "yellow" if change > 0 else "green"
    return Cell(f"{sign}{format_delta(change)}", style)


def _write_note(point: Point) -> str:
    """Return why the point is not compared, in full, and how much the base image changed."""
    return "; ".join([*(f"{_APART} {each.why}" for each in point.breaks), *_describe_drift(point)])


def _shorten_note(point: Point) -> str:
    causes = ", ".join(each.why.partition(" ")[0] for each in point.breaks)
    return f"{_APART} {causes}" if causes else "; ".join(_describe_drift(point))


def _describe_drift(point: Point) -> Iterator[str]:
    if point.change.base_bytes:
        yield f"base {format_delta(point.change.base_bytes)}"


def _describe_basis(trend: Trend) -> Iterator[str]:
    points = [point for each in trend.variants for point in each.points]
    yield "Change: of shipped bytes, since the row below; = no change."
    if any(point.code for point in points):
        yield "Code: what a node pulls after a change to the code."
    if any(point.breaks for point in points):
        yield f"{_APART} not compared with the row below; the note says why."
    if any(point.dirty for point in points):
        yield "+ after a commit: the tree had uncommitted changes."
    if any(pull and pull.basis == "estimated" for point in points for pull in (point.pull, point.code)):
        yield "~ is an estimate of gzip -6, usually within 2 %."
