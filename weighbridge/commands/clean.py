"""Removes our images and what smoke tests left in the engine and on disk, and nothing that belongs to the user."""

from __future__ import annotations

from pathlib import Path

from weighbridge.build import bases, removal, standins
from weighbridge.engine.client import connect
from weighbridge.render.terminal import console
from weighbridge.settings.project import Settings
from weighbridge.smoke import artifacts
from weighbridge.smoke.stack import runs


def run(settings: Settings, project: Path, *, with_bases: bool = False, with_images: bool = True) -> None:
    """Remove leftovers of smoke tests, and the images that the project built.

    With `with_bases`, also the stand-ins for base images and their lines in `.env`; without `with_images`, no image of
    the project.

    Images that have our label, but that no build of this user has recorded, are named together with the command that
    removes them.
    """
    if settings.reports.directory:
        artifacts.clean(project / settings.reports.directory)
    names = settings.image_names | {f"{settings.bench_repository}:{variant}" for variant in settings.variants}
    repositories = {settings.repository, settings.bench_repository} if with_images else set[str]()
    if with_bases:
        bases.tell_compose(project, ())
        names |= standins.NAMES
        repositories |= {name.rpartition(":")[0] for name in standins.NAMES}
    with connect() as engine:
        things = runs.clean(engine, console.print_line)
        images = removal.remove_built(engine, repositories)
        unrecorded = removal.list_unrecorded(engine, names, standins.NAMES)
    console.print_line(f"Removed {things} containers, networks and volumes, and {images.count} images.")
    for name in images.kept:
        console.print_line(f"Kept {name}: a container or another image uses it.")
    if unrecorded:
        listed = " ".join(unrecorded)
        console.print_line(f"Kept what no build here has recorded; if it is yours: docker image rm {listed}")
