"""One rule of the smoke test: what it needs, how it is tried, and its outcome."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from weighbridge.errors import EngineFault
from weighbridge.model.rules import Profile, Subject, build_title
from weighbridge.model.smoke import Check, Outcome
from weighbridge.smoke.rule_failed import CheckFailed, RoleEnded
from weighbridge.smoke.stack import endings
from weighbridge.smoke.stack.containers import Stack

STARTS, KEEPS_RUNNING = "starts", "keeps-running"
"""The rules of a role that fail if it ends by itself: before it has served, and after that."""


_PASSED: Outcome = "passed"
_FAILED: Outcome = "failed"
_HOLD: frozenset[Outcome] = frozenset({"passed", "waived"})
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that must hold."""

    role: Subject
    name: str
    holds: Callable[[Stack], str]
    """Returns what it saw if the rule holds; otherwise raises `CheckFailed`."""
    needs: tuple[str, ...] = ()
    """Titles of rules that must hold before this one can be tried."""
    moot_after: tuple[str, ...] = ()
    """Titles of rules after whose failure this one would say nothing new. It is tried if they were not tried."""
    uses: tuple[str, ...] = ()
    """Roles that have to run while it is tried."""
    demanded_by: Profile = "works"
    """The profile that demands it: `hardened` demands what `works` demands, too."""
    waived: str = ""
    """Why the settings do not demand it; empty: they do."""
    log_of: str = ""
    """The container whose log says why the rule does not hold; empty: no log does."""

    @property
    def title(self) -> str:
        """The unique name of the rule, such as `worker ready`."""
        return build_title(self.role, self.name)


class Watcher(Protocol):
    """Follows what happens to each variant. Variants are tried side by side, so calls come from several threads."""

    def begin_rule(self, variant: str, role: Subject, rule: str) -> None:
        """A rule is being tried."""

    def end_rule(self, variant: str, check: Check) -> None:
        """A rule has been tried."""


def try_all(
    rules: Iterable[Rule], stack: Stack, variant: str, watcher: Watcher, accepted: Mapping[str, str]
) -> tuple[Check, ...]:
    """Try rules in turn, skip those whose needs do not hold, and return a check of each.

    If a role ends by itself meanwhile, that is its own failure, and what needs it is not tried.

    Args:
        rules: The rules, in the order in which to try them.
        stack: The containers to try them on.
        variant: The variant whose image these run.
        watcher: Its methods are called before and after each rule.
        accepted: Names or titles of waived rules -> why.
    """
    trying = _Trying(stack=stack, variant=variant, watcher=watcher, accepted=accepted)
    for rule in rules:
        stack.interruption.check()
        if rule.title not in trying.checks or trying.checks[rule.title].outcome != "failed":
            trying.try_one(rule)
    return tuple(trying.checks.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trying:
    """The rules that have been tried so far, on one stack."""

    stack: Stack
    variant: str
    watcher: Watcher
    accepted: Mapping[str, str]
    checks: dict[str, Check] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    """Role that has ended by itself -> the title of the rule that says so."""

    def try_one(self, rule: Rule) -> None:
        """Try a rule; if a role that it does not use ends meanwhile, note that and try it again."""
        self.watcher.begin_rule(self.variant, rule.role, rule.name)
        while True:
            broken = _find_missing_need(rule, self.checks) or self._find_ended(rule)
            if broken:
                self._note(_build_skipped(rule, broken))
                return
            began = time.monotonic()
            try:
                check = self._try(rule, began)
            except RoleEnded as error:
                self._note_end(error, time.monotonic() - began)
                if self.ended[error.role] == rule.title:
                    return
            else:
                self._note(check)
                return

    def _try(self, rule: Rule, began: float) -> Check:
        cause, from_base = "", False
        try:
            self.stack.check_alive()
            detail, outcome = rule.holds(self.stack), _PASSED
        except RoleEnded:
            raise
        except CheckFailed as error:
            self.stack.check_alive()  # if a role has ended, that is the cause
            detail, outcome, cause, from_base = str(error), _FAILED, error.cause, error.from_base
        except EngineFault as error:  # for example, the container disappeared while the rule was tried
            detail, outcome = error.message, _FAILED
        detail = self.stack.mask(detail)
        if outcome == _FAILED:
            detail, outcome = self._judge(rule, detail)
            told = self._find_told(self.stack.mask(cause)) if outcome == _FAILED else ""
            if told:
                return _build_skipped(rule, told, f"{detail}; ")
        took = time.monotonic() - began
        return Check(role=rule.role, rule=rule.name, outcome=outcome, detail=detail, seconds=took, from_base=from_base)

    def _judge(self, rule: Rule, detail: str) -> tuple[str, Outcome]:
        """Return what to say of a rule that does not hold, and its outcome: it may be waived, or not demanded."""
        reason = self.accepted.get(rule.title) or self.accepted.get(rule.name) or rule.waived
        if reason:
            return f"{detail}; waived: {reason}", "waived"
        demanded = rule.demanded_by == "works" or self.stack.settings.smoke.profile == "hardened"
        return detail, "failed" if demanded else "noted"

    def _find_told(self, cause: str) -> str:
        """Return the title of a rule that failed for the same cause, which it has told; empty: none has.

        Numbers may differ: a role that tries again logs the same with another time.
        """
        failed = (check for check in self.checks.values() if check.outcome == _FAILED)
        wanted = _NUMBER.sub("0", cause)
        return next((check.title for check in failed if wanted and wanted in _NUMBER.sub("0", check.detail)), "")

    def _find_ended(self, rule: Rule) -> str:
        return next((self.ended[role] for role in rule.uses if role in self.ended), "")

    def _note_end(self, error: RoleEnded, seconds: float) -> None:
        """Note that a role has ended by itself: it did not start properly, unless it had served before."""
        name = KEEPS_RUNNING if error.role in self.stack.observed.served else STARTS
        detail = self.stack.mask(endings.describe(self.stack, error.role, error.state))
        self.ended[error.role] = build_title(error.role, name)
        self._note(Check(role=error.role, rule=name, outcome=_FAILED, detail=detail, seconds=seconds))

    def _note(self, check: Check) -> None:
        self.checks[check.title] = check
        self.watcher.end_rule(self.variant, check)


def find_first_failed(rules: Sequence[Rule], checks: Iterable[Check]) -> Rule | None:
    """Return the first rule that failed and has a log to show; if none has a log, the first that failed."""
    failed = {check.title for check in checks if check.outcome == "failed"}
    found = [rule for rule in rules if rule.title in failed]
    return next((rule for rule in found if rule.log_of), found[0] if found else None)


def _find_missing_need(rule: Rule, checks: Mapping[str, Check]) -> str:
    """Return the title of a rule because of which this one cannot be tried; empty: it can be tried."""
    broken = [title for title in rule.needs if title in checks and checks[title].outcome not in _HOLD]
    broken += [title for title in rule.moot_after if title in checks and checks[title].outcome == _FAILED]
    return next((title for title in broken if checks[title].outcome == _FAILED), broken[0] if broken else "")


def _build_skipped(rule: Rule, missing: str, seen: str = "") -> Check:
    detail = f"{seen}see `{missing}`" if seen else f"not tried, because `{missing}` does not hold"
    return Check(role=rule.role, rule=rule.name, outcome="skipped", detail=detail, seconds=0.0)
