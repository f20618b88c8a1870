"""Draws a badge for a README: the size of the variant to ship, as a small flat SVG."""

from __future__ import annotations

import sys
import unicodedata
from typing import TextIO

from weighbridge.model.report import Image
from weighbridge.quoting import cut
from weighbridge.render.overview import describe_standing
from weighbridge.render.svg.canvas import Canvas
from weighbridge.report import advice
from weighbridge.report.summary import Summary
from weighbridge.report.units import format_size

_HEIGHT = 20
_PADDING = 6
_NAME_SIGNS = 24
_SIGN_WIDTH, _WIDE_SIGN_WIDTH = 6.6, 12.0
"""Widths in pixels at a height of 11. The text is drawn exactly that wide, whatever the font."""
# White text on these colours has a contrast of at least 4.5.
_STYLE = """
text { font: 11px Verdana, "DejaVu Sans", sans-serif; fill: #ffffff; }
.label { fill: #555555; } .runs { fill: #1a7f37; } .fails { fill: #cf222e; } .untried { fill: #0969da; }
"""


def render(summary: Summary, stream: TextIO | None = None) -> None:
    """Write the badge of the variant to ship, or of the smallest variant if none runs."""
    image = choose_image(summary)
    label = f"{cut(image.variant, _NAME_SIGNS)} image" if image else "image"
    value = format_size(image.shipped_bytes) if image else "unknown"
    standing = summary.standings.get(image.variant) if image else None
    told = f"{label}: {value} shipped, smoke test {describe_standing(standing)}" if image else "image: none measured"
    kind = "untried" if standing is None else "runs" if standing.ok else "fails"
    left, right = _measure_text(label), _measure_text(value)
    divide, width = left + 2 * _PADDING, left + right + 4 * _PADDING
    canvas = Canvas(width, _HEIGHT, title=told, style=_STYLE)
    canvas.draw_rectangle(0, 0, width, _HEIGHT, "label", radius=3)
    canvas.draw_rectangle(divide, 0, width - divide, _HEIGHT, kind, radius=3)
    canvas.draw_rectangle(divide, 0, _PADDING, _HEIGHT, kind)  # no round corners between the two
    canvas.draw_text(_PADDING, 14, label, length=left)
    canvas.draw_text(divide + _PADDING, 14, value, length=right)
    (stream or sys.stdout).write(canvas.serialise())


def choose_image(summary: Summary) -> Image | None:
    """Return the image for the badge; None if the report has no image."""
    smallest = min(summary.report.images, key=lambda image: image.shipped_bytes, default=None)
    return advice.choose_image(summary) or smallest


def _measure_text(text: str) -> float:
    wide = sum(unicodedata.east_asian_width(sign) in {"W", "F"} for sign in text)
    return round((len(text) - wide) * _SIGN_WIDTH + wide * _WIDE_SIGN_WIDTH, 1)
