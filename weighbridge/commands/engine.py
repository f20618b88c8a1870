"""Sets up what all other commands need: the engine, a client that drives BuildKit, and the base images."""

from __future__ import annotations

from pathlib import Path

from weighbridge.build import bases
from weighbridge.engine import provision
from weighbridge.render.terminal import build_progress, console
from weighbridge.settings.project import Settings


def run(settings: Settings, project: Path) -> None:
    """Find or set up the engine, the client and the base images, tell Compose the bases, and print all of them."""
    with console.show_activity() as shown, provision.ensure_engine(shown.note) as found:
        client = provision.ensure_client(shown.note)
        wanted = settings.bases.map_roles().items()
        images = [bases.ensure_base_image(found, client, role, name, shown.note) for role, name in wanted]
        bases.tell_compose(project, images)
        lines = [("Engine", found.described), ("Builder", client.described)]
    build_progress.print_facts([*lines, *((image.role.capitalize(), image.described) for image in images)])
