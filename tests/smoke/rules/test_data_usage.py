"""What the roles have written is held to the limit of the settings."""

from __future__ import annotations

import json

import pytest

from tests.support.fakes import FakeEngine, refused, stack_on
from weighbridge.smoke.rules.data_usage import data_stays_small


def judge(found: dict[str, object]) -> str:
    """Return what the rule says, whether it holds or not, of what the script found."""
    stack = stack_on(FakeEngine(outputs=[f"0 {json.dumps(found)}"]), data="/srv", data_limit="1 MB")
    held = found.get("bytes", 0)
    assert isinstance(held, int)
    if "error" in found or held > 10**6:
        return refused(lambda: data_stays_small(stack))
    return data_stays_small(stack)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"bytes": 0, "files": 0}, "/srv holds 0 bytes in 0 files; allowed are 1 MB"),
        ({"bytes": 10**6, "files": 2}, "/srv holds 1000000 bytes in 2 files; allowed are 1 MB"),
        (
            {"bytes": 10**6 + 1, "files": 2},
            "/srv holds 1000001 bytes in 2 files, more than 1 MB; let the roles write less, or raise smoke.data_limit",
        ),
        ({"error": "/srv has more than 3 files"}, "/srv has more than 3 files; let the roles write fewer"),
    ],
)
def test_limit(found: dict[str, object], told: str) -> None:
    """At the limit the rule holds; a byte beyond it, or with too many files to count, it does not."""
    assert judge(found) == told
