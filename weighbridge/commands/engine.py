"""Sets up what all other commands need: the engine, a client that drives BuildKit, and the base images."""

from __future__ import annotations

from pathlib import Path

from weighbridge.build import bases, service_images
from weighbridge.engine import provision
from weighbridge.model.build import Setup
from weighbridge.render import formats
from weighbridge.render.terminal import console
from weighbridge.settings.project import Settings


def run(settings: Settings, project: Path, format_name: str = "terminal") -> None:
    """Find or set up the engine, the client and the base images, tell Compose the bases, and show all of them."""
    render = formats.choose(formats.SETUPS, format_name)
    with console.show_activity() as shown, provision.ensure_engine(shown.note) as found:
        client = provision.ensure_client(shown.note)
        wanted = settings.bases.map_roles()
        if settings.smoke.services is not None:  # whether one of them is a Redis, and which, they say themselves
            del wanted["redis"]
        images = [bases.ensure_base_image(found, client, role, name, shown.note) for role, name in wanted.items()]
        services = service_images.ensure_all(found, client, settings, shown.note)
        if bases.has_compose(project):
            bases.tell_compose(project, images)
        setup = Setup(
            engine=found.described,
            builder=client.described,
            bases={each.role: each.described for each in images},
            services={each.service: each.described for each in services},
        )
    render(setup)
