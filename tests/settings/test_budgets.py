"""Limits of budgets; a limit that makes no sense is refused on one line."""

from __future__ import annotations

from typing import Any

import pytest

from weighbridge.errors import SettingsError
from weighbridge.settings.budgets import Budgets
from weighbridge.settings.project import check

VARIANTS: dict[str, Any] = {"multi": {}, "single": {}}


def budgets(values: Any) -> Budgets:
    """Return the budgets in this part of invoke.yaml."""
    return check({"variants": VARIANTS, "budgets": values}).budgets


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
        ({"default": {"shipped": {"sfot": "2 MB"}}}, "default.shipped.sfot", "there is no such setting; choose from "),
        ({"default": {"shiped": "2 MB"}}, "default.shiped", "there is no such setting; choose from "),
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
    assert str(caught.value).startswith(f"settings: budgets.{place}: ")
    assert reason in str(caught.value)


def test_unknown_variant_is_refused() -> None:
    """Limits of an unknown variant are refused, and the message lists the known ones."""
    with pytest.raises(SettingsError, match=r"budgets: .*mlti, x is no variant: choose from multi, single\."):
        budgets({"variants": {"x": {}, "mlti": {"shipped": "1 MB"}, "multi": {}}})
    with pytest.raises(SettingsError, match="variants: "):  # the first wrong key is the one to tell
        check({"variants": None, "budgets": {"variants": {"x": {}}}})


def test_a_single_value_is_hard() -> None:
    """Both ways to write a hard limit are the same."""
    assert budgets({"default": {"pull": "2 MB"}}) == budgets({"default": {"pull": {"hard": "2 MB"}}})


def test_limits_of_a_variant() -> None:
    """A variant's own limits override the default ones, and null removes one; by default there are no limits."""
    given = budgets(
        {
            "default": {"shipped": "9 MB", "pull": "8 MB", "growth": {"percent": 5}},
            "variants": {"multi": {"shipped": "7 MB", "pull": None, "waste": "1 MB"}},
        }
    )
    own = given.get_limits("multi").model_dump(exclude_none=True)
    assert {key: value["hard"] for key, value in own.items() if key != "growth"} == {
        "shipped": "7 MB",
        "waste": "1 MB",
    }
    assert own["growth"] == {"percent": {"hard": 5}}
    assert given.get_limits("single") == given.default
    assert budgets({}).get_limits("multi").model_dump(exclude_none=True) == {}
    assert budgets({}).noise.bytes == 10_000
