"""Sets up what all other commands need: the engine, a client that drives BuildKit, and the base images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from weighbridge.build import bases, service_images
from weighbridge.commands.project import Project, Use
from weighbridge.engine import provision
from weighbridge.engine.apt import Say
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import Engine
from weighbridge.errors import SettingsError
from weighbridge.model.build import Setup
from weighbridge.render import formats
from weighbridge.render.terminal import console
from weighbridge.settings.project import BaseRole, Settings


def run(open_project: Callable[[Use], Project], format_name: str = "terminal") -> None:
    """Find or set up the engine, the client and the base images, tell Compose the bases, and show all of them.

    Args:
        open_project: Returns the project, with what the command has of the stack that compose files describe.
        format_name: The format of what is shown.

    Raises:
        SettingsError: The settings or compose files are wrong, even with the variables that this command sets.
    """
    render = formats.choose(formats.SETUPS, format_name)
    project, is_complete = _open_early(open_project)
    with console.show_activity() as shown, provision.ensure_engine(shown.note) as found:
        client = provision.ensure_client(shown.note)
        if not is_complete:
            named = bases.list_compose_roles(project.root)
            bases.tell_compose(project.root, _ensure(found, client, project.settings, named, shown.note))
            project = open_project("all")
        settings = project.settings
        wanted = _choose_roles(settings, project.root)
        images = _ensure(found, client, settings, wanted, shown.note)
        services = service_images.ensure_all(found, client, settings, shown.note)
        if bases.has_compose(project.root):
            bases.tell_compose(project.root, images)
        shown_already = {each.reference for each in images}
        setup = Setup(
            engine=found.described,
            builder=client.described,
            bases={each.role: each.described for each in images},
            services={each.service: each.described for each in services if each.reference not in shown_already},
        )
    render(setup)


def _open_early(open_project: Callable[[Use], Project]) -> tuple[Project, bool]:
    """Return the project, and whether with its compose files: these may need variables that we have yet to set."""
    try:
        return open_project("all"), True
    except SettingsError:
        project = open_project("none")
        if not bases.list_compose_roles(project.root):
            raise
        return project, False


def _choose_roles(settings: Settings, folder: Path) -> list[BaseRole]:
    roles = list(settings.bases.map_roles())
    # Whether one of the services is a Redis, and which, they say themselves.
    if settings.smoke.services is not None and "redis" not in bases.list_compose_roles(folder):
        roles.remove("redis")
    return roles


def _ensure(
    engine: Engine, client: BuildClient, settings: Settings, roles: Iterable[BaseRole], say: Say
) -> list[bases.BaseImage]:
    names = settings.bases.map_roles()
    return [bases.ensure_base_image(engine, client, role, names[role], say) for role in roles]
