"""Shows builds while they run."""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.build.steps import build_title
from weighbridge.model.build import Step
from weighbridge.render.terminal.activity import Piped
from weighbridge.render.terminal.console import Activity, Cell, Style
from weighbridge.report.units import format_seconds

_STEP_SIGNS: dict[str, tuple[str, Style]] = {
    "done": ("done     ", "green"),
    "cached": ("cached   ", "dim"),
    "failed": ("FAILED   ", "red"),
    "cancelled": ("cancelled", "yellow"),
}


def show_steps(shown: Activity | Piped, variant: str) -> Callable[[Step], None]:
    """Return a callback that shows the steps of one build."""

    def draw(step: Step) -> None:
        if step.state == "running":
            shown.begin(f"{variant} {build_title(step)}")
            return
        sign, style = _STEP_SIGNS[step.state]
        time = f"{format_seconds(step.seconds):>8} " if step.state == "done" else f"{'':>8} "
        shown.finish(Cell(f"{variant:<8} ", "bold"), Cell(sign, style), time, build_title(step))

    return draw
