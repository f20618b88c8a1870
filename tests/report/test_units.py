"""Bytes and times are formatted for people."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weighbridge.report.units import draw_bar, format_seconds, format_size

counts = st.integers(0, 999 * 10**18) | st.builds(
    lambda power, add: 10**power + add, st.integers(0, 20), st.integers(-9, 9)
)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (1234, "1.23 kB"),
        (99_950, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (999_950, "1.00 MB"),
        (118_000_000, "118 MB"),
        (12_345_678, "12.3 MB"),
        (10**18, "1.00 EB"),
        (-1234, "-1.23 kB"),
    ],
)
def test_size(count: int, text: str) -> None:
    """A size has three digits and a decimal unit; a value that rounds up to a thousand takes the next unit."""
    assert format_size(count) == text


def value(text: str) -> float:
    """Read a size back."""
    number, unit = text.split()
    return float(number) * 1000.0 ** ["B", "kB", "MB", "GB", "TB", "PB", "EB"].index(unit)


@given(counts)
def test_three_digits(count: int) -> None:
    """A size has three digits from 1 kB on, is never `1000 …`, and is correct within half a percent."""
    text = format_size(max(count, 0))
    assert re.fullmatch(r"\d{1,3} B|(\d\.\d\d|\d\d\.\d|\d{3}) [kMGTPE]B", text)
    assert value(text) == pytest.approx(max(count, 0), rel=0.005)


@given(counts, counts)
@example(999_499, 999_500)
def test_order_is_kept(one: int, other: int) -> None:
    """A larger number never looks smaller."""
    low, high = sorted((one, other))
    assert value(format_size(max(low, 0))) <= value(format_size(max(high, 0)))


@given(st.integers(1, 10**18))
def test_sign(count: int) -> None:
    """A negative size is the positive one with a minus sign."""
    assert format_size(-count) == f"-{format_size(count)}"


@given(st.integers(-5, 10**12), st.integers(-5, 10**12), st.integers(1, 40))
def test_bar(part: int, whole: int, width: int) -> None:
    """A bar is as long as its share, to an eighth of a character; 0 is empty, and more than 0 is not."""
    drawn = draw_bar(min(part, whole), whole, width)
    assert len(drawn) <= width
    assert bool(drawn) is (min(part, whole) > 0)
    if drawn:
        eighths = 8 * drawn.count("█") + sum("▏▎▍▌▋▊▉".index(sign) + 1 for sign in drawn if sign != "█")
        assert abs(eighths - max(1, 8 * width * min(part, whole) / whole)) <= 0.5


def test_seconds() -> None:
    """Seconds have one decimal place."""
    assert [format_seconds(value) for value in (0, 0.04, 0.06, 75)] == ["0.0 s", "0.0 s", "0.1 s", "75.0 s"]
