"""Shows a smoke test while it runs: a live table on a terminal, one line per event in a pipe."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from weighbridge.model.rules import Subject
from weighbridge.model.smoke import Check, Proof, count_outcomes
from weighbridge.quoting import flatten
from weighbridge.render.terminal.console import Activity, Cell, Column
from weighbridge.render.terminal.outcomes import SIGNS, describe_time, filter_checks
from weighbridge.report.units import format_seconds

_COLUMNS = (
    Column(name="Variant"),
    Column(name="Hold"),
    Column(name="Fail"),
    Column(name="Trying", grows=True),
    Column(name="For", right=True),
    Column(name="In all", right=True),
)


def show_progress(shown: Activity, variants: Sequence[str]) -> Progress:
    """Return a watcher that shows the progress on these variants; each may be tried in a thread of its own."""
    return Progress(shown, variants)


@dataclass(slots=True, kw_only=True)
class _State:
    """How far the smoke test of a variant is."""

    checks: list[Check] = field(default_factory=list)
    trying: str = ""
    began: float = 0
    """When the first rule began; 0: none has."""
    rule_began: float = 0
    proof: Proof | None = None

    def measure_seconds(self, now: float) -> float:
        """Return for how long the variant has been tried, or was."""
        if self.proof:
            return self.proof.seconds
        return now - self.began if self.began else 0


class Progress:
    """Shows how far each variant is. Its methods may be called from several threads."""

    def __init__(self, shown: Activity, variants: Sequence[str]) -> None:
        self._shown = shown
        self._lock = Lock()  # never held while something is printed, because that draws the table, which takes the lock
        self._states = {variant: _State() for variant in variants}
        self._moves = shown.watch(_COLUMNS, self._build_rows)

    def begin_rule(self, variant: str, role: Subject, rule: str) -> None:
        """Show which rule is being tried."""
        now = time.monotonic()
        with self._lock:
            state = self._states[variant]
            state.trying, state.rule_began, state.began = f"{role} {rule}", now, state.began or now

    def end_rule(self, variant: str, check: Check) -> None:
        """Count the outcome of a rule; print a failure at once and in full."""
        with self._lock:
            state = self._states[variant]
            state.checks.append(check)
            state.trying = ""
        if check.outcome == "failed":
            sign, style = SIGNS["failed"]
            detail = flatten(check.detail)
            self._shown.tell(
                Cell(f"{variant} ", "bold"),
                Cell(f"{sign} ", style),
                Cell(check.title, "bold"),
                f": {detail}",
            )

    def end_variant(self, variant: str, proof: Proof) -> None:
        """Show that a variant is done."""
        with self._lock:
            self._states[variant].proof = proof
            last = all(state.proof for state in self._states.values())
        if not self._moves:
            sign, style = SIGNS["passed" if proof.ok else "failed"]
            told = describe_time(count_outcomes(proof.checks), format_seconds(proof.seconds))
            self._shown.tell(Cell(f"{variant} ", "bold"), Cell(f"{sign} ", style), told)
        if last:
            self._shown.unwatch()

    def _build_rows(self) -> list[Sequence[Cell | str]]:
        now = time.monotonic()
        with self._lock:
            return [_build_row(variant, state, now) for variant, state in self._states.items()]


def _build_row(variant: str, state: _State, now: float) -> Sequence[Cell | str]:
    holding, failed = sum(check.ok for check in state.checks), len(filter_checks("failed", state.checks))
    return (
        Cell(variant, "bold"),
        Cell(f"✓ {holding}", "green"),
        Cell(f"✗ {failed}", "red") if failed else "",
        Cell("done", "dim") if state.proof else state.trying,
        format_seconds(now - state.rule_began) if state.trying and not state.proof else "",
        format_seconds(state.measure_seconds(now)),
    )
