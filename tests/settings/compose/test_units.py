"""Durations and sizes are read as Compose reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.settings.compose.units import parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("5s", 5.0),
        ("1m30s", 90.0),
        ("1.5h", 5400.0),
        ("500ms", 0.5),
        ("1h2m3s4ms5us6ns", 3723.004005006),
        (".5s", 0.5),
        ("1d", 86_400.0),
        ("2w", 1_209_600.0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    """A duration is the sum of its parts."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "1.5", "s", "5 s", "5s ", "-5s", "5x", "1m30", "9" * 15 + "w", "\u0665s", "1e3s"]
)
def test_no_durations(text: str) -> None:
    """A number without a unit is no duration, nor is anything else."""
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("4096", 4096),
        ("4096b", 4096),
        ("1k", 1024),
        ("64m", 67_108_864),
        ("64MB", 67_108_864),
        ("1.5g", 1_610_612_736),
        ("1 GiB", 1_073_741_824),
        ("1t", 1024**4),
        ("1p", 1024**5),
    ],
)
def test_sizes(text: str, size_bytes: int) -> None:
    """Units are powers of 1024, in either case."""
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "m", "-1", "1x", "1mm", "50%", "1,5g", "\u0665m", "9" * 19])
def test_no_sizes(text: str) -> None:
    """Anything else is no size."""
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@given(st.text())
def test_any_text(text: str) -> None:
    """Whatever the text, there is a number or a ValueError."""
    for parse in (parse_duration, parse_size):
        said = "it has to be"
        try:
            assert parse(text) >= 0
        except ValueError as error:
            said = str(error)
        assert said.startswith("it has to be")
