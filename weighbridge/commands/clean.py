"""Removes our images and what smoke tests left in the engine and on disk, and nothing that belongs to the user."""

from __future__ import annotations

from pathlib import Path

from weighbridge.build import bases, buildkit
from weighbridge.engine.client import connect
from weighbridge.render.terminal import console
from weighbridge.settings.project import Settings
from weighbridge.smoke import artifacts
from weighbridge.smoke.stack import runs


def run(settings: Settings, project: Path, *, with_bases: bool = False) -> None:
    """Remove our images and leftovers; `with_bases`, also the stand-ins for base images and their lines in `.env`."""
    artifacts.clean(project / settings.reports.directory)
    with connect() as engine:
        things, images = runs.clean(engine, console.print_line), buildkit.list_images(engine, settings.repository)
        images += buildkit.list_images(engine, settings.bench_repository)
        if with_bases:
            images += bases.list_standins(engine)
            bases.tell_compose(project, ())
        removed = sum(engine.remove_image(name) for name in images)
        left = [name for name in images if engine.has_image(name)]
    console.print_line(f"Removed {things} containers, networks and volumes, and {removed} images.")
    for name in left:
        console.print_line(f"Kept {name}: a container uses it.")
