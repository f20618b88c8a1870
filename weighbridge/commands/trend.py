"""Draws what the variants weighed, record by record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from weighbridge.render import formats
from weighbridge.render.terminal import console
from weighbridge.report import records, trend
from weighbridge.settings.project import Settings


def run(settings: Settings, project: Path, variants: Sequence[str], format_name: str) -> None:
    """Draw the records of the variants that are named, or of all; those of other names where none of these has any."""
    render = formats.choose(formats.TRENDS, format_name)
    known = records.history(project / settings.reports.directory)
    for name in known.unreadable:
        console.say(f"{name} is no record, and left out")
    noise_bytes = settings.budgets.noise.bytes
    drawn = trend.of(known.reports, settings.chosen(variants), noise_bytes)
    render(drawn if drawn.variants or variants else trend.of(known.reports, noise_bytes=noise_bytes))
