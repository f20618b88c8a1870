"""Builds the HTML report's charts of each variant over time. A line is broken where figures cannot be compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from weighbridge.render import overview
from weighbridge.render.overview import format_moment
from weighbridge.report import trend
from weighbridge.report.units import format_size

if TYPE_CHECKING:
    from weighbridge.model.report import Report

WIDTH, HEIGHT = 960, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 130, 14, 26
_MOST = 60
"""The most points of a variant: the latest ones."""
_LABEL = 14
"""Height of a label at the end of a line."""
_Figure = Callable[[trend.Point], tuple[int, str] | None]
"""Returns a point's bytes, as a number and as text; None if they are unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of a line."""

    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One variant."""

    variant: str
    runs: tuple[tuple[Point, ...], ...]
    """Runs of points that are joined by a line, because they can be compared."""
    label_y: float
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines over the same time."""

    title: str
    lines: tuple[Line, ...]
    grid: tuple[tuple[float, str], ...]
    """The height and label of each horizontal line."""
    first: str
    last: str
    breaks: int
    """How often a line is broken."""


def list_points(history: Sequence[Report], report: Report) -> list[tuple[str, trend.Point]]:
    """Return every point of the charts with its variant, the newest first."""
    found = [(each.variant, point) for each in _follow_variants(history, report) for point in each.points]
    return sorted(found, key=lambda pair: pair[1].recorded_at, reverse=True)


def build_charts(history: Sequence[Report], report: Report) -> list[Chart]:
    """Return the charts of shipped bytes and of pulls over time; no charts if no variant has two points."""
    followed = _follow_variants(history, report)
    if all(len(each.points) < 2 for each in followed):  # noqa: PLR2004 - a line
        return []
    return [_build_chart("Shipped", followed, _read_shipped, None), _build_chart("Pull", followed, _read_pull, "pull")]


def _follow_variants(history: Sequence[Report], report: Report) -> list[trend.VariantTrend]:
    """Return the variants of the report, each with its last points."""
    found = trend.trace_variants([*history, report], [image.variant for image in report.images])
    return [replace(each, points=each.points[-_MOST:]) for each in found.variants]


def _read_shipped(point: trend.Point) -> tuple[int, str]:
    return point.shipped_bytes, format_size(point.shipped_bytes)


def _read_pull(point: trend.Point) -> tuple[int, str] | None:
    return (point.pull.bytes, overview.format_pull(point.pull)) if point.pull else None


def _build_chart(
    title: str, followed: Sequence[trend.VariantTrend], figure: _Figure, name: trend.BrokenFigure | None
) -> Chart:
    times = sorted({point.recorded_at for each in followed for point in each.points})
    found = [value[0] for each in followed for point in each.points if (value := figure(point))]
    top = _round_up(max(found, default=0))
    lines = [line for each in followed if (line := _build_line(each, figure, name, times, top))]
    return Chart(
        title=title,
        lines=tuple(_spread_labels(lines)),
        grid=tuple((_scale_y(top * part // 4, top), format_size(top * part // 4)) for part in range(5)),
        first=format_moment(times[0]),
        last=format_moment(times[-1]),
        breaks=sum(len(line.runs) - 1 for line in lines),
    )


def _build_line(
    each: trend.VariantTrend, figure: _Figure, name: trend.BrokenFigure | None, times: Sequence[str], top: int
) -> Line | None:
    runs, told, step = list[list[Point]](), "", (WIDTH - _LEFT - _RIGHT) / max(1, len(times) - 1)
    for point in each.points:
        value = figure(point)
        broken = not runs or point.is_apart or any(one.figure == name for one in point.breaks)
        if value is None:
            continue
        if broken:
            runs.append([])
        told = value[1]
        commit = f", {point.commit[:7]}{' with changes' if point.dirty else ''}" if point.commit else ""
        title = f"{each.variant}: {told}, {format_moment(point.recorded_at)}{commit}"
        x = _LEFT + times.index(point.recorded_at) * step
        runs[-1].append(Point(x=round(x, 1), y=_scale_y(value[0], top), title=title))
    if not runs:
        return None
    return Line(variant=each.variant, runs=tuple(map(tuple, runs)), label_y=runs[-1][-1].y, last=told)


def _spread_labels(lines: Sequence[Line]) -> list[Line]:
    """Move labels apart that would overlap; the lines keep their order."""
    heights, low = dict[str, float](), 0.0
    for line in sorted(lines, key=lambda line: line.label_y):
        heights[line.variant] = low = max(line.label_y, low + _LABEL)
    return [Line(variant=line.variant, runs=line.runs, label_y=heights[line.variant], last=line.last) for line in lines]


def _scale_y(value: int, top: int) -> float:
    return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value / top if top else 0), 1)


def _round_up(value: int) -> int:
    """Return the next higher number with round quarters: 1, 2, 4 or 8 times a power of ten."""
    step = 1
    while value > step * 10:
        step *= 10
    return next((step * times for times in (1, 2, 4, 8) if step * times >= value), step * 10)
