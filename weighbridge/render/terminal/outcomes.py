"""Outcomes of rules in signs and words, for the smoke test as it happens and for its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weighbridge.model.smoke import Check, Outcome
from weighbridge.render.terminal.console import Style

SIGNS: Mapping[Outcome, tuple[str, Style]] = {
    "passed": ("✓", "green"),
    "failed": ("✗", "red"),
    "waived": ("~", "yellow"),
    "skipped": ("–", "dim"),  # noqa: RUF001 - a dash, as wide as the other signs
}


def having(outcome: Outcome, checks: Sequence[Check]) -> list[Check]:
    """Return the checks of that outcome."""
    return [check for check in checks if check.outcome == outcome]


def held(checks: Sequence[Check]) -> str:
    """Return how many rules hold: `38 rules hold`."""
    count = len(having("passed", checks))
    return "1 rule holds" if count == 1 else f"{count} rules hold"


def waived(checks: Sequence[Check]) -> str:
    """Return how many rules need not hold, to stand behind something else: `, 1 waived`; nothing where all must."""
    count = len(having("waived", checks))
    return f", {count} waived" if count else ""


def rules(checks: Sequence[Check]) -> str:
    """Return how many rules there are: `38 rules`."""
    return "1 rule" if len(checks) == 1 else f"{len(checks)} rules"
