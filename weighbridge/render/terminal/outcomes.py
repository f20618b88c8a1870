"""Outcomes of rules in signs and words, while the smoke test runs and at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weighbridge.model.smoke import Check, Outcome, RuleCounts
from weighbridge.render.overview import describe_rules
from weighbridge.render.terminal.console import Style

SIGNS: Mapping[Outcome, tuple[str, Style]] = {
    "passed": ("✓", "green"),
    "failed": ("✗", "red"),
    "waived": ("~", "yellow"),
    "noted": ("·", "yellow"),
    "skipped": ("–", "dim"),  # noqa: RUF001 - a dash, as wide as the other signs
}


def filter_checks(outcome: Outcome, checks: Sequence[Check]) -> list[Check]:
    """Return the checks with that outcome."""
    return [check for check in checks if check.outcome == outcome]


def describe_time(counts: RuleCounts, seconds: str) -> str:
    """Return what `describe_rules` says, and in what time: `42 of 44 rules hold, 2 waived, in 15.6 s`."""
    told = describe_rules(counts)
    return f"{told}{',' if ',' in told else ''} in {seconds}"
