"""What this version changes is told to whoever has settings of an earlier one."""

from __future__ import annotations

from typing import Any

import pytest

from weighbridge.settings.initial import upgrades


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ({"variants": {"multi": {}}}, 1),
        ({"variants": {"multi": {}}, "smoke": {"profile": "works"}}, 0),
        ({"reports": {"directory": None}}, 0),
        ({"variants": {"multi": {}}, "init": {"version": "0.1.0"}}, 0),
        ({"smoke": None, "roles": {"api": {}}}, 1),
    ],
)
def test_profile(values: dict[str, Any], count: int) -> None:
    """Who has named no profile was held to everything, and has to say what counts from now on."""
    found = [*upgrades.list_changes(values)]
    assert len(found) == count
    assert all("`profile: hardened`" in each for each in found)


def test_facts() -> None:
    """Other differences are told to those alone who come from an earlier version."""
    assert upgrades.list_facts({"variants": {}})
    assert upgrades.list_facts({"init": {}}) == ()
