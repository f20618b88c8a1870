"""Figures and names as the HTML report writes them."""

from __future__ import annotations

from weighbridge.render.overview import UNKNOWN
from weighbridge.report.units import size


def known(count: int | None) -> str:
    """Return bytes, or that they were not measured."""
    return UNKNOWN if count is None else size(count)


def many(number: int, word: str) -> str:
    """Return a number and a word: `1 file`, `2,000 files`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def moment(stamp: str) -> str:
    """Return an ISO 8601 time of a record as `2026-11-24 13:44`."""
    return stamp[:16].replace("T", " ")
