"""Shows builds while they run, and the table at their end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TextIO

from weighbridge.build.steps import build_title
from weighbridge.model.build import Built, Step
from weighbridge.render.terminal.console import Activity, Cell, Column, Style, print_line, print_table
from weighbridge.report.units import format_seconds

_STEP_SIGNS: dict[str, tuple[str, Style]] = {
    "done": ("done     ", "green"),
    "cached": ("cached   ", "dim"),
    "failed": ("FAILED   ", "red"),
    "cancelled": ("cancelled", "yellow"),
}


def show_steps(shown: Activity, variant: str) -> Callable[[Step], None]:
    """Return a callback that shows the steps of one build."""

    def draw(step: Step) -> None:
        if step.state == "running":
            shown.begin(f"{variant} {build_title(step)}")
            return
        sign, style = _STEP_SIGNS[step.state]
        time = f"{format_seconds(step.seconds):>8} " if step.state == "done" else f"{'':>8} "
        shown.finish(Cell(f"{variant:<8} ", "bold"), Cell(sign, style), time, build_title(step))

    return draw


def print_facts(facts: Sequence[tuple[str, str]], stream: TextIO | None = None) -> None:
    """Print names and their values, one line for each."""
    for name, value in facts:
        print_line(Cell(f"{name:<8} ", "bold"), value, stream=stream)


def print_built(built: Sequence[Built], base: str, stream: TextIO | None = None) -> None:
    """Print a table of the images that were built, and their base."""
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
