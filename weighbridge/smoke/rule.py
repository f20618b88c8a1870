"""One rule of the smoke test: what it needs, how it is tried, and its outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from weighbridge.errors import EngineFault
from weighbridge.model.smoke import Check, CheckRole, Outcome, build_title
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack.containers import Stack

ALL_BEFORE = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that must hold."""

    role: CheckRole
    name: str
    holds: Callable[[Stack], str]
    """Returns what it saw if the rule holds; otherwise raises `CheckFailed`."""
    needs: tuple[str, ...] = ()
    """Titles of rules that must hold before this one can be tried; `ALL_BEFORE`: every rule tried before it."""
    explained_by: tuple[str, ...] = ()
    """Titles of rules whose failure is the cause if this one fails, too; then only the cause counts as failed."""
    moot_after: tuple[str, ...] = ()
    """Titles of rules after whose failure this one would say nothing new. It is tried if they were not tried."""
    log_of: str = ""
    """The container whose log says why the rule does not hold; empty: no log does."""

    @property
    def title(self) -> str:
        """The unique name of the rule, such as `worker ready`."""
        return build_title(self.role, self.name)


class Watcher(Protocol):
    """Follows what happens to each variant. Variants are tried side by side, so calls come from several threads."""

    def begin_rule(self, variant: str, role: CheckRole, rule: str) -> None:
        """A rule is being tried."""

    def end_rule(self, variant: str, check: Check) -> None:
        """A rule has been tried."""


def try_all(
    rules: Iterable[Rule], stack: Stack, variant: str, watcher: Watcher, accepted: Mapping[str, str]
) -> tuple[Check, ...]:
    """Try rules in turn, skip those whose needs do not hold, and return a check of each.

    Args:
        rules: The rules, in the order in which to try them.
        stack: The containers to try them on.
        variant: The variant whose image these run.
        watcher: Its methods are called before and after each rule.
        accepted: Names or titles of waived rules -> why.
    """
    checks: dict[str, Check] = {}
    for rule in rules:
        stack.interruption.check()
        watcher.begin_rule(variant, rule.role, rule.name)
        missing = _find_missing_need(rule, checks)
        reason = accepted.get(rule.title) or accepted.get(rule.name, "")
        check = _build_skipped(rule, missing) if missing else _try_rule(rule, stack, reason)
        cause = next((title for title in rule.explained_by if title in checks and not checks[title].ok), "")
        if cause and check.outcome == "failed":
            check = _build_skipped(rule, cause, f"{check.detail}; ")
        checks[rule.title] = check
        watcher.end_rule(variant, check)
    return tuple(checks.values())


def find_first_failed(rules: Sequence[Rule], checks: Iterable[Check]) -> Rule | None:
    """Return the first rule that failed and has a log to show; if none has a log, the first that failed."""
    failed = {check.title for check in checks if check.outcome == "failed"}
    found = [rule for rule in rules if rule.title in failed]
    return next((rule for rule in found if rule.log_of), found[0] if found else None)


def _find_missing_need(rule: Rule, checks: Mapping[str, Check]) -> str:
    """Return the title of a rule because of which this one cannot be tried; empty: it can be tried."""
    needed = checks if rule.needs == (ALL_BEFORE,) else [title for title in rule.needs if title in checks]
    broken = [title for title in needed if not checks[title].ok]
    broken += [title for title in rule.moot_after if title in checks and checks[title].outcome == "failed"]
    return next((title for title in broken if checks[title].outcome == "failed"), broken[0] if broken else "")


def _build_skipped(rule: Rule, missing: str, seen: str = "") -> Check:
    detail = f"{seen}see `{missing}`" if seen else f"not tried, because `{missing}` does not hold"
    return Check(role=rule.role, rule=rule.name, outcome="skipped", detail=detail, seconds=0.0)


def _try_rule(rule: Rule, stack: Stack, accepted: str) -> Check:
    began = time.monotonic()
    outcome: Outcome = "failed"
    try:
        detail, outcome = rule.holds(stack), "passed"
    except CheckFailed as error:
        detail = str(error)
    except EngineFault as error:  # for example, the container disappeared while the rule was tried
        detail = error.message
    detail = stack.mask(detail)
    if accepted and outcome == "failed":
        detail, outcome = f"{detail}; waived: {accepted}", "waived"
    return Check(role=rule.role, rule=rule.name, outcome=outcome, detail=detail, seconds=time.monotonic() - began)
