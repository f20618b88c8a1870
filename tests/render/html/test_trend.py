"""The page's charts: a line is broken where figures cannot be compared."""

from __future__ import annotations

from dataclasses import replace

from tests.support.summaries import summary
from weighbridge.render.html import trend


def test_lines_break_where_figures_cannot_be_compared() -> None:
    """Estimated and exact pulls are two lines; the shipped bytes stay one line."""
    told = summary()
    image = told.history()[0].images[0]
    assert image.pull
    exact = replace(told.history()[0], images=(replace(image, pull=replace(image.pull, basis="exact")),))
    shipped, pull = trend.build_charts([exact], told.report)
    assert {line.variant: [len(run) for run in line.runs] for line in shipped.lines}["multi"] == [2]
    assert {line.variant: [len(run) for run in line.runs] for line in pull.lines}["multi"] == [1, 1]
    assert pull.breaks == 1
