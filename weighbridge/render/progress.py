"""Builds and smoke tests as they happen, and the table at their end."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TextIO

from weighbridge.model import Built, Check, Proof, Step
from weighbridge.render.console import Activity, Cell, Column, Style, print_line, print_table
from weighbridge.render.units import seconds

_STEP_SIGNS: dict[str, tuple[str, Style]] = {
    "done": ("done     ", "green"),
    "cached": ("cached   ", "dim"),
    "failed": ("FAILED   ", "red"),
    "cancelled": ("cancelled", "yellow"),
}


def steps(shown: Activity, variant: str) -> Callable[[Step], None]:
    """Return what draws one build's steps."""

    def draw(step: Step) -> None:
        if step.state == "running":
            shown.begin(f"{variant} {step.title}")
            return
        sign, style = _STEP_SIGNS[step.state]
        time = f"{seconds(step.seconds):>8} " if step.state == "done" else f"{'':>8} "
        shown.finish(Cell(f"{variant:<8} ", "bold"), Cell(sign, style), time, step.title)

    return draw


def checks(shown: Activity, variant: str) -> Callable[[Check], None]:
    """Return what draws one variant's checks."""
    tried = itertools.count(1)
    shown.begin(f"{variant}: starting")

    def draw(check: Check) -> None:
        sign = Cell("✓ ", "green") if check.ok else Cell("✗ ", "red")
        time, what = f"{seconds(check.seconds):>6} ", f"{check.role:<6} {check.rule:<31} "
        detail = Cell(check.detail, "dim") if check.ok else Cell(f"FAILED: {check.detail}", "red")
        shown.finish(Cell(f"{variant:<7} ", "bold"), sign, time, what, detail)
        shown.begin(f"{variant}: {next(tried)} checks done")

    return draw


def print_facts(facts: Sequence[tuple[str, str]], stream: TextIO | None = None) -> None:
    """Print names and what they stand for, a line each."""
    for name, value in facts:
        print_line(Cell(f"{name:<8} ", "bold"), value, stream=stream)


def print_built(built: Sequence[Built], base: str, stream: TextIO | None = None) -> None:
    """Print the table of what was built, and on what base."""
    columns = (
        Column(name="Variant"),
        Column(name="Image id"),
        Column(name="Seconds", right=True),
        Column(name="Steps run", right=True),
        Column(name="Steps cached", right=True),
    )
    rows = [
        (
            Cell(each.variant, "bold"),
            each.image_id.removeprefix("sha256:")[:12],
            f"{each.seconds:.1f}",
            str(each.count("done")),
            str(each.count("cached")),
        )
        for each in built
    ]
    print_table("Built", columns, rows, stream=stream)
    print_line(Cell(f"Base: {base}", "dim"), stream=stream)


def print_proofs(proofs: Sequence[Proof], stream: TextIO | None = None) -> None:
    """Print the verdict on each variant."""
    columns = (
        Column(name="Variant"),
        Column(name="Verdict"),
        Column(name="Checks", right=True),
        Column(name="Seconds", right=True),
        Column(name="First failure", grows=True),
    )
    print_table("Smoke test", columns, [_proof_row(proof) for proof in proofs], stream=stream)


def _proof_row(proof: Proof) -> Sequence[Cell | str]:
    failed = next((check for check in proof.checks if not check.ok), None)
    return (
        Cell(proof.variant, "bold"),
        Cell("✓ runs", "green") if failed is None else Cell("✗ fails", "red"),
        f"{sum(check.ok for check in proof.checks)}/{len(proof.checks)}",
        f"{proof.seconds:.1f}",
        f"{failed.role} {failed.rule}: {failed.detail}" if failed else "none",
    )
