"""Reads durations and sizes as Compose writes them."""

from __future__ import annotations

import re

_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86_400.0,
    "w": 604_800.0,
}
_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(ns|us|µs|μs|ms|s|m|h|d|w)")
_SIZE = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?) ?([kmgtp]?)i?b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_MOST_SECONDS = 2**63 / 1e9
"""What Compose can count, in nanoseconds."""


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as `1m30s`, `500ms` or `1.5h`.

    Raises:
        ValueError: It is no duration.
    """
    parts = [*_PART.finditer(text)]
    seconds = sum(float(part[1]) * _SECONDS[part[2]] for part in parts)
    if text == "0":
        return 0.0
    if not parts or "".join(part[0] for part in parts) != text or seconds >= _MOST_SECONDS:
        raise ValueError("it has to be a duration, such as 1m30s or 500ms")
    return round(seconds, 9)


def parse_size(text: str) -> int:
    """Return the bytes of a size such as `64m`, `1.5gb` or `4096`; a kilobyte has 1024 bytes.

    Raises:
        ValueError: It is no size.
    """
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError("it has to be a size, such as 64m or 1gb")
    return int(float(found[1]) * 1024 ** _POWERS[found[2].lower()])
