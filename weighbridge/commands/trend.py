"""Renders what the variants weighed, record by record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from weighbridge.errors import SettingsError
from weighbridge.render import formats
from weighbridge.render.terminal import console
from weighbridge.report import records, trend
from weighbridge.settings.project import Settings


def run(settings: Settings, project: Path, variants: Sequence[str], format_name: str) -> None:
    """Render the records of the named variants, or of all; if no record has a variant, those of all other images.

    Raises:
        SettingsError: The settings name no folder of records, or the folder cannot be read.
    """
    render = formats.choose(formats.TRENDS, format_name)
    if not settings.reports.directory:
        raise SettingsError("Nothing is recorded here", advice="Set reports.directory to a folder.")
    known = records.read_history(project / settings.reports.directory)
    for line in known.describe_left_out():
        console.say(line)
    noise_bytes = settings.budgets.noise.bytes
    chosen = settings.select_variants(variants) if settings.variants or variants else ()
    drawn = trend.trace_variants(known.reports, chosen, noise_bytes)
    render(drawn if drawn.variants or variants else trend.trace_variants(known.reports, noise_bytes=noise_bytes))
