"""Figures and names as the HTML report writes them; names from images show no sign that could hide or reorder text."""

from __future__ import annotations

from weighbridge.render.overview import UNKNOWN
from weighbridge.report.units import size

CATEGORIES = {
    "base": "base image",
    "debian": "Debian packages",
    "alpine": "Alpine packages",
    "python": "Python packages",
    "bytecode": "bytecode",
    "application": "application",
    "unowned": "unowned",
    "wasted": "wasted",
}
_LONGEST = 1000
"""Signs of a text that are shown; paths and instructions may have more."""


def plain(text: str, longest: int = _LONGEST) -> str:
    """Return text from an image, record or label so that it can be shown.

    Control signs, signs that turn the direction of writing, line separators and undecodable bytes become escapes, and
    a long text loses its middle.
    """
    if len(text) > longest:
        text = f"{text[: longest // 2]} … {text[-longest // 2 :]}"
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def known(count: int | None) -> str:
    """Return bytes, or that they were not measured."""
    return UNKNOWN if count is None else size(count)


def many(number: int, word: str) -> str:
    """Return a number and a word: `1 file`, `2,000 files`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def moment(stamp: str) -> str:
    """Return an ISO 8601 time of a record as `2026-11-24 13:44`."""
    return stamp[:16].replace("T", " ")
