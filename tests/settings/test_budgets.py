"""Limits say their unit, and one that makes no sense is refused in one line."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ByteSize, TypeAdapter

from weighbridge.errors import SettingsError
from weighbridge.settings import check
from weighbridge.settings.budgets import Budgets
from weighbridge.settings.values import Size

VARIANTS: dict[str, Any] = {"multi": {}, "single": {}}
UNITS = ("B", "kB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB")


def budgets(values: Any) -> Budgets:
    """Return the budgets that this part of invoke.yaml says."""
    return check({"variants": VARIANTS, "budgets": values}).budgets


def noise(value: Any) -> Size:
    """Return what one size is read as."""
    return budgets({"noise": value}).noise


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("160 MB", Size(160_000_000, "160 MB")),
        ("152 MiB", Size(159_383_552, "152 MiB")),
        (" 900kB ", Size(900_000, "900 kB")),
        ("1.5 kB", Size(1500, "1.5 kB")),
        ("0 B", Size(0, "0 B")),
        ("0.0015 kB", Size(1, "0.0015 kB")),
        (1000, Size(1000, "1000")),
    ],
)
def test_size(value: Any, expected: Size) -> None:
    """MB is 10^6 and MiB is 2^20; what is left of a byte is cut off."""
    read = noise(value)
    assert (read.bytes, read.written) == (expected.bytes, expected.written)


@given(st.integers(0, 10**9), st.integers(0, 3), st.sampled_from(UNITS))
def test_size_is_that_of_pydantic(digits: int, places: int, unit: str) -> None:
    """Pydantic's own reading of sizes, which counts in floats, is the same but for its rounding."""
    number = Decimal(digits).scaleb(-places)
    theirs = TypeAdapter(ByteSize).validate_python(f"{number:f} {unit}")
    assert noise(f"{number:f} {unit}").bytes == pytest.approx(theirs, rel=1e-12, abs=1)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (160, "160 has no unit: write `160 MB`, or `160 B` if bytes are meant"),
        (999, "999 has no unit"),
        (0, "0 has no unit"),
        (160.5, "160.5 has no unit, and bytes are whole"),
        (-5000, "-5000 is below zero"),
        ("160", "'160' is no size with a unit, such as `160 MB` or `152 MiB`: one of B, kB, MB"),
        ("160000000", "'160000000' is no size with a unit"),
        ("160 M", "'160 M' is no size with a unit"),
        ("160 mb", "'160 mb' is no size with a unit"),
        ("160 Mb", "'160 Mb' is no size with a unit"),
        ("160 KB", "'160 KB' is no size with a unit"),
        ("-1 MB", "'-1 MB' is no size with a unit"),
        ("1,5 MB", "'1,5 MB' is no size with a unit"),
        ("\u0661 MB", "is no size with a unit"),
        ("MB", "'MB' is no size with a unit"),
        ("", "'' is no size with a unit"),
        (True, "True is no size with a unit"),
        (["1 MB"], "is no size with a unit"),
        ({"bytes": 5000, "written": "5000"}, "is no size with a unit"),
    ],
)
def test_size_without_its_unit_is_refused(value: Any, reason: str) -> None:
    """What could mean one thing or another is no size, and the reason is told on one line with the key."""
    with pytest.raises(SettingsError) as caught:
        noise(value)
    assert reason in str(caught.value)
    assert str(caught.value).startswith("invoke.yaml: budgets.noise: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "place", "reason"),
    [
        ({"default": {"shipped": 160}}, "default.shipped.hard", "160 has no unit"),
        ({"default": {"shipped": {"soft": 160}}}, "default.shipped.soft", "160 has no unit"),
        ({"default": {"shipped": {}}}, "default.shipped", "a limit is one value, or has `soft`, `hard` or both"),
        (
            {"default": {"shipped": {"soft": "2 MB", "hard": "2000 kB"}}},
            "default.shipped",
            "`soft` is not below `hard`",
        ),
        ({"default": {"shipped": {"sfot": "2 MB"}}}, "default.shipped.sfot", "there is no such setting, but "),
        ({"default": {"shiped": "2 MB"}}, "default.shiped", "there is no such setting, but "),
        ({"default": {"growth": {}}}, "default.growth", "growth has `bytes`, `percent` or both"),
        ({"default": {"growth": "2 MB"}}, "default.growth", ""),
        ({"default": {"growth": {"percent": -1}}}, "default.growth.percent.hard", "greater than or equal to 0"),
        ({"default": {"growth": {"percent": {"soft": 3, "hard": 2}}}}, "default.growth.percent", "`soft` is not below"),
        ({"default": {"growth": {"percent": float("nan")}}}, "default.growth.percent.hard", ""),
        ({"variants": {"multi": {"pull": "x"}}}, "variants.multi.pull.hard", "'x' is no size"),
    ],
)
def test_limit_that_makes_no_sense_is_refused(values: Any, place: str, reason: str) -> None:
    """The error names the key."""
    with pytest.raises(SettingsError) as caught:
        budgets(values)
    assert str(caught.value).startswith(f"invoke.yaml: budgets.{place}: ")
    assert reason in str(caught.value)


def test_unknown_variant_is_refused() -> None:
    """Limits of a variant that is none would never be checked; the message lists the known."""
    with pytest.raises(SettingsError, match=r"budgets: .*mlti, x is no variant: choose from multi, single\."):
        budgets({"variants": {"x": {}, "mlti": {"shipped": "1 MB"}, "multi": {}}})
    with pytest.raises(SettingsError, match="variants: "):  # the first wrong key is the one to tell
        check({"variants": None, "budgets": {"variants": {"x": {}}}})


def test_a_single_value_is_hard() -> None:
    """Both ways to write a hard limit are the same."""
    assert budgets({"default": {"pull": "2 MB"}}) == budgets({"default": {"pull": {"hard": "2 MB"}}})


def test_limits_of_a_variant() -> None:
    """Its own limits come first, null lifts the default's, the rest is the default's; by default there are none."""
    given = budgets(
        {
            "default": {"shipped": "9 MB", "pull": "8 MB", "growth": {"percent": 5}},
            "variants": {"multi": {"shipped": "7 MB", "pull": None, "waste": "1 MB"}},
        }
    )
    own = given.of("multi").model_dump(exclude_none=True)
    assert {key: value["hard"] for key, value in own.items() if key != "growth"} == {
        "shipped": "7 MB",
        "waste": "1 MB",
    }
    assert own["growth"] == {"percent": {"hard": 5}}
    assert given.of("single") == given.default
    assert budgets({}).of("multi").model_dump(exclude_none=True) == {}
    assert budgets({}).noise.bytes == 10_000
