"""Shows what changed from one image to another, package by package."""

from __future__ import annotations

from pathlib import Path

from weighbridge.commands import choose, weigh
from weighbridge.errors import NotComparable
from weighbridge.render import formats
from weighbridge.render.terminal import console
from weighbridge.report.comparison import Refusal, compare_images
from weighbridge.settings.project import Settings
from weighbridge.sources.local.reading import note_nothing


def run(settings: Settings, project: Path, before: str, after: str, format_name: str, *, verbose: bool = False) -> None:
    """Weigh both images now, and print the difference; with `verbose`, also say where they are read.

    Raises:
        NotComparable: Their figures cannot be compared, for example because their platforms differ.
    """
    render = formats.choose(formats.DIFFERENCES, format_name)
    wanted = {"before": choose.locate_image(settings, before), "after": choose.locate_image(settings, after)}
    with console.show_activity() as shown:
        told = shown.tell if verbose else note_nothing
        weighed = weigh.weigh(wanted, project, on_progress=shown.track_reading(), settings=settings, on_note=told)
    images = weighed.report.images
    found = compare_images(f"{before} -> {after}", *images, noise_bytes=settings.budgets.noise.bytes)
    if isinstance(found, Refusal):
        advice = f"{found.advice[0].upper()}{found.advice[1:]}."
        raise NotComparable(f"{before} and {after} are not compared: {found.reason}", advice=advice)
    render(found)
