"""Says what grew from one image to another, package by package."""

from __future__ import annotations

from pathlib import Path

from weighbridge.commands import choose, weigh
from weighbridge.render import formats
from weighbridge.render.terminal import console
from weighbridge.report import difference
from weighbridge.settings.project import Settings


def run(settings: Settings, project: Path, before: str, after: str, format_name: str) -> None:
    """Weigh both images now, and draw the difference."""
    render = formats.choose(formats.DIFFERENCES, format_name)
    wanted = {"before": choose.located(settings, before), "after": choose.located(settings, after)}
    with console.activity() as shown:
        images = weigh.weigh(wanted, project, on_progress=shown.reading()).report.images
    render(difference.compare_images(f"{before} -> {after}", *images))
