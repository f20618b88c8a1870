"""Formats bytes and times for people; every other module keeps integers and seconds."""

from __future__ import annotations

_STEP = 1000
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def format_size(count: int) -> str:
    """Return a byte count in decimal units with three digits: `118 MB`, `1.23 kB`, `999 B`. MB is 10^6 bytes."""
    value, unit = float(abs(count)), 0
    # Round first, so that 999.95 kB becomes 1.00 MB and not 1000 kB.
    while float(f"{value:.3g}") >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    sign = "-" if count < 0 else ""
    if not unit:
        return f"{sign}{value:.0f} B"
    digits = max(0, 3 - len(str(int(float(f"{value:.3g}")))))
    return f"{sign}{value:.{digits}f} {_UNITS[unit]}"


def format_seconds(value: float) -> str:
    """Return a duration: `0.4 s`, `75.0 s`."""
    return f"{value:.1f} s"


def draw_bar(part: int, whole: int, width: int) -> str:
    """Return a bar of at most `width` characters, in eighths of one; empty for 0, never empty for more than 0."""
    if part <= 0 or whole <= 0:
        return ""
    eighths = max(1, round(8 * width * part / whole))
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]
