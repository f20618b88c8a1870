"""What the parts of a translation share: the project, how its services start, and how our settings call them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weighbridge.model.recipe import NOTHING, Recipe
from weighbridge.quoting import quote
from weighbridge.settings.compose.project import ComposeBuild, ComposeProject
from weighbridge.settings.compose.translation.builds import BuildKey, find_builds, identify, name_variants
from weighbridge.settings.compose.translation.groups import Groups, sort_services
from weighbridge.settings.compose.translation.names import list_aliases, list_hosts, name_services
from weighbridge.settings.compose.translation.noting import Noting
from weighbridge.settings.compose.translation.starts import Start, read_start


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A project as its translation sees it."""

    project: ComposeProject
    folder: Path
    """The project's folder, where paths of the settings start."""
    builds: Mapping[str, ComposeBuild]
    """Service -> what its image is built from here."""
    recipes: Mapping[str, Recipe]
    """Service -> what its Dockerfile says."""
    starts: Mapping[str, Start]
    groups: Groups
    names: Mapping[str, str]
    """Service -> its name in our settings."""
    aliases: Mapping[str, list[str]]
    variants: Mapping[BuildKey, str]

    def get_recipe(self, name: str) -> Recipe:
        """Return what the Dockerfile of a service says."""
        return self.recipes.get(name, NOTHING)

    def list_aliases(self, name: str, noting: Noting) -> list[str]:
        """Return the further names of a service; names by which it cannot be reached are noted."""
        for host in sorted({host.lower() for host in list_hosts(self.project.services[name])}):
            if host != self.names[name] and host not in self.aliases[name]:
                noting.drop(
                    f"others cannot reach it as {quote(host)}, which another one is or which is no host", "aliases"
                )
        return [*self.aliases[name]]

    def find_variant(self, name: str) -> str | None:
        """Return the variant that a service runs from; None: the one under test, as there is only one, or an image."""
        if name not in self.builds or len(self.variants) == 1:
            return None
        return self.variants[identify(self.builds[name])]


def look_at(project: ComposeProject, folder: Path, recipes: Mapping[str, Recipe]) -> View:
    """Return the view of a project."""
    builds = find_builds(project)
    # A service that runs another's image has what that one's Dockerfile says.
    by_build = {identify(build): recipes[name] for name, build in builds.items() if name in recipes}
    known = {name: by_build[identify(build)] for name, build in builds.items() if identify(build) in by_build}
    starts = {
        name: read_start(service, builds.get(name), known.get(name, NOTHING))
        for name, service in project.services.items()
    }
    groups = sort_services(project, builds, starts)
    named = [*groups.roles, *groups.before, *groups.services]
    names = name_services(project)
    # A variant is called after a service that builds it, not after one that runs what another builds.
    builders = sorted((*groups.roles, *groups.before), key=lambda name: project.services[name].build is None)
    return View(
        project=project,
        folder=folder,
        builds=builds,
        recipes=known,
        starts=starts,
        groups=groups,
        names=names,
        aliases=list_aliases([project.services[name] for name in sorted(named)], names),
        variants=name_variants(builds, builders, names),
    )
