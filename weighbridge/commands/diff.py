"""Shows what changed from one image to another, package by package."""

from __future__ import annotations

from pathlib import Path

from weighbridge.commands import choose, weigh
from weighbridge.errors import NotComparable
from weighbridge.render import formats
from weighbridge.render.terminal import console
from weighbridge.report.comparison import Refusal, compare_images
from weighbridge.settings.project import Settings


def run(settings: Settings, project: Path, before: str, after: str, format_name: str) -> None:
    """Weigh both images now, and print the difference.

    Raises:
        NotComparable: Their figures cannot be compared, for example because their platforms differ.
    """
    render = formats.choose(formats.DIFFERENCES, format_name)
    wanted = {"before": choose.locate_image(settings, before), "after": choose.locate_image(settings, after)}
    with console.show_activity() as shown:
        limits = settings.limits.build_limits()
        images = weigh.weigh(wanted, project, on_progress=shown.track_reading(), limits=limits).report.images
    found = compare_images(f"{before} -> {after}", *images, noise_bytes=settings.budgets.noise.bytes)
    if isinstance(found, Refusal):
        advice = f"{found.advice[0].upper()}{found.advice[1:]}."
        raise NotComparable(f"{before} and {after} are not compared: {found.reason}", advice=advice)
    render(found)
