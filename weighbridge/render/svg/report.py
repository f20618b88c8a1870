"""Draws the report for a README: the verdict, a table and a bar for each variant, in an SVG 800 pixels wide.

The picture needs no script and no special font. It has its own background, because it cannot know whether the page
around it is dark. The reader's own setting chooses between its two sets of colours.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TextIO

from weighbridge.image.categories import CATEGORIES
from weighbridge.model.report import Image
from weighbridge.quoting import cut, flatten
from weighbridge.render.colours import DARK, LIGHT, Scheme, compute_bars
from weighbridge.render.overview import MISSING, Answer, describe_proof, format_count, list_answers
from weighbridge.render.svg.canvas import Canvas
from weighbridge.render.verdict import find_remedy, state_verdict
from weighbridge.report import advice
from weighbridge.report.summary import Summary
from weighbridge.report.units import format_size

_TITLE = "What each variant weighs"
_WIDTH = 800
_MARGIN = 24
_INNER = _WIDTH - 2 * _MARGIN
_LINE = 28
_BAR = 18
_TOP = 88
"""The height of the table's head; one line lower for each further line of the verdict."""
_VERDICT_LINE = 18
_VERDICT_LINES = 2
_NAMES, _SIGN = 88, 9
"""The least pixels for the names at the left, and the pixels of each character of longer names."""
_TOTALS = 76
"""Pixels that a bar leaves free for its size at the right."""
_NAME_SIGNS = 16
_CELL_SIGNS = 32
_CELL_SIGN = 6.5
"""Pixels that a sign of a cell takes, about."""
_VERDICT_SIGNS = 100
_VARIANTS = 12
_WHOLE = "whole"
_GROUPS = {**{name: category.title for name, category in CATEGORIES.items()}, _WHOLE: "not broken down"}
_LEGEND_LINE = 20


def _style_bars(scheme: Scheme) -> str:
    return " ".join(f".c-{name} {{ fill: {colour}; }}" for name, colour in compute_bars(scheme).items())


_STYLE = f"""
text {{ font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }}
.title {{ font-size: 17px; font-weight: 600; }}
.strong {{ font-weight: 600; }}
.cell {{ font-size: 12px; }}
.dim {{ fill: #59636e; }}
.panel {{ fill: #ffffff; stroke: #d1d9e0; }}
.line {{ stroke: #d1d9e0; }}
{_style_bars(LIGHT)} .c-whole {{ fill: #6e7781; }}
@media (prefers-color-scheme: dark) {{
  text {{ fill: #f0f6fc; }}
  .dim {{ fill: #9198a1; }}
  .panel {{ fill: #0d1117; stroke: #3d444d; }}
  .line {{ stroke: #3d444d; }}
  {_style_bars(DARK)} .c-whole {{ fill: #8b949e; }}
}}
"""


def render(summary: Summary, stream: TextIO | None = None) -> None:
    """Write the picture."""
    images = summary.report.images[:_VARIANTS]
    told = _wrap_answer(_choose_answer(summary))
    top = _TOP + _VERDICT_LINE * (len(told) - 1)
    bars = top + _LINE * (len(images) + 1) + 4
    legend = bars + _LINE * len(images) + 20
    height = legend + _LEGEND_LINE * max(1, len(_lay_out_legend(images)))
    description = " ".join(_describe_picture(summary))
    canvas = Canvas(_WIDTH, height, title=_TITLE, description=description, style=_STYLE)
    canvas.draw_rectangle(0.5, 0.5, _WIDTH - 1, height - 1, "panel", radius=8)
    canvas.draw_text(_MARGIN, 36, _TITLE, "title")
    canvas.draw_text(_WIDTH - _MARGIN, 36, _describe_measurement(summary), "cell dim", anchor="end")
    for index, line in enumerate(told):
        canvas.draw_text(_MARGIN, 58 + _VERDICT_LINE * index, line, "dim")
    _draw_table(canvas, top, images, [each for each in list_answers(summary) if each.name != "Findings"])
    _draw_bars(canvas, images, bars)
    _draw_legend(canvas, images, legend)
    (stream or sys.stdout).write(canvas.serialise())


def _describe_measurement(summary: Summary) -> str:
    """Return when the report was measured, and how many variants the picture leaves out."""
    left_out = len(summary.report.images) - _VARIANTS
    rest = f", and {format_count(left_out, 'more variant')}" if left_out > 0 else ""
    return f"measured {summary.report.recorded_at[:10]}{rest}"


def _wrap_answer(answer: str) -> list[str]:
    """Return the answer in at most `_VERDICT_LINES` lines; the last one is cut if the rest does not fit."""
    lines = textwrap.wrap(flatten(answer), _VERDICT_SIGNS) or [""]
    return [*lines[: _VERDICT_LINES - 1], cut(" ".join(lines[_VERDICT_LINES - 1 :]), _VERDICT_SIGNS)][: len(lines)]


def _choose_answer(summary: Summary) -> str:
    """Return what changed since the baseline; without a baseline, what to ship."""
    if summary.baseline:
        from weighbridge.report.comparison import find_largest  # noqa: PLC0415 - most reports have no baseline

        comparisons = summary.baseline.comparisons
        what = find_remedy(summary, find_largest(comparisons)).replace("`", "") if comparisons else ""
        return f"{state_verdict(summary)}. {what}".rstrip()
    choice = advice.choose_image(summary)
    reason = advice.explain_choice(summary).replace("`", "")
    if choice is None:
        return reason
    proven = describe_proof(summary, choice.variant)
    return f"Ship {choice.variant}{': ' if proven else ''}{proven}. {reason}"


def _describe_picture(summary: Summary) -> Iterator[str]:
    """Yield what the picture shows, in sentences for readers who cannot see it."""
    yield _choose_answer(summary)
    columns = list_answers(summary)
    for index, image in enumerate(summary.report.images[:_VARIANTS]):
        told = (f"{each.name} {each.cells[index]}" for each in columns if each.cells[index] != MISSING)
        yield f"{cut(image.variant, _NAME_SIGNS)}: {', '.join(told)}."


def _draw_table(canvas: Canvas, top: float, images: Sequence[Image], columns: Sequence[Answer]) -> None:
    columns = _shorten_smoke(columns, _INNER - _measure_names(images))
    ends = _place_columns(columns, _measure_names(images))
    canvas.draw_text(_MARGIN, top, "Variant", "cell dim")
    for column, end in zip(columns, ends, strict=True):
        canvas.draw_text(end, top, column.name, "cell dim", anchor="end")
    canvas.draw_line(_MARGIN, top + 8, _INNER)
    for index, image in enumerate(images):
        y = top + _LINE * (index + 1)
        canvas.draw_text(_MARGIN, y, cut(image.variant, _NAME_SIGNS), "strong")
        for column, end in zip(columns, ends, strict=True):
            canvas.draw_text(end, y, cut(column.cells[index], _CELL_SIGNS), "cell", anchor="end")


def _shorten_smoke(columns: Sequence[Answer], room: float) -> Sequence[Answer]:
    """Return the columns; if they do not fit, without how many rules are waived, which the description still says."""
    if sum(map(_count_signs, columns)) * _CELL_SIGN <= room:
        return columns
    return [
        replace(each, cells=tuple(cell.partition(",")[0] for cell in each.cells)) if each.name == "Smoke" else each
        for each in columns
    ]


def _count_signs(column: Answer) -> int:
    """Return how many signs wide a column is, the gap before it included."""
    return max(len(column.name), *(min(len(cell), _CELL_SIGNS) for cell in column.cells), 0) + 2


def _place_columns(columns: Sequence[Answer], names: float) -> list[float]:
    """Return where each column ends. The columns share the width in proportion to their longest text."""
    signs = [*map(_count_signs, columns)]
    room = _INNER - names
    return [_MARGIN + names + room * sum(signs[: index + 1]) / sum(signs) for index in range(len(columns))]


def _measure_names(images: Sequence[Image]) -> float:
    """Return how many pixels the names take."""
    return max(_NAMES, _SIGN * max((len(cut(image.variant, _NAME_SIGNS)) for image in images), default=0) + 8)


def _draw_bars(canvas: Canvas, images: Sequence[Image], top: float) -> None:
    largest = max((image.shipped_bytes for image in images), default=0)
    names = _measure_names(images)
    scale = (_INNER - names - _TOTALS) / largest if largest else 0
    for index, image in enumerate(images):
        x, y = _MARGIN + names, top + _LINE * index
        canvas.draw_text(_MARGIN, y + 14, cut(image.variant, _NAME_SIGNS), "strong")
        for group, count in _group_bytes(image).items():
            width = count * scale
            canvas.draw_rectangle(
                round(x, 2), y, round(width, 2), _BAR, f"c-{group}", title=f"{_GROUPS[group]} {format_size(count)}"
            )
            x += width
        canvas.draw_text(round(x, 2) + 8, y + 14, format_size(image.shipped_bytes))


def _draw_legend(canvas: Canvas, images: Sequence[Image], y: float) -> None:
    """Name the colours, in the order in which they stand in the bars."""
    for line in _lay_out_legend(images):
        x = float(_MARGIN)
        for group in line:
            canvas.draw_rectangle(x, y - 10, 12, 12, f"c-{group}", radius=2)
            canvas.draw_text(x + 18, y, _GROUPS[group], "dim")
            x += _measure_key(group)
        y += _LEGEND_LINE


def _lay_out_legend(images: Sequence[Image]) -> list[list[str]]:
    """Return the groups that the bars show, line by line, so that each line fits the width."""
    used = {group for image in images for group in _group_bytes(image)}
    lines = [list[str]()]
    for group in (group for group in _GROUPS if group in used):
        if lines[-1] and sum(map(_measure_key, [*lines[-1], group])) > _INNER:
            lines.append([])
        lines[-1].append(group)
    return lines


def _measure_key(group: str) -> float:
    """Return the pixels that a group's colour, its name and the room after it take."""
    return 44 + 7.2 * len(_GROUPS[group])


def _group_bytes(image: Image) -> dict[str, int]:
    """Return the bytes of each group of owners, in the order of the bars; they add up to the shipped bytes."""
    found = dict.fromkeys(_GROUPS, 0)
    for row in image.ledger:
        found[row.category if row.category in CATEGORIES else _WHOLE] += row.bytes
    found[_WHOLE] = image.shipped_bytes - sum(found[group] for group in CATEGORIES)
    return {group: count for group, count in found.items() if count > 0}
