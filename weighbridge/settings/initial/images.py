"""Says of each Dockerfile which image it builds and as what this one starts, and which images are the project's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from weighbridge.model.recipe import Recipe
from weighbridge.settings.compose.project import ComposeBuild, ComposeService
from weighbridge.settings.compose.translation.addresses import find_path, find_port
from weighbridge.settings.compose.translation.programs import RoleKind, classify
from weighbridge.settings.compose.translation.starts import Start, find_kind, read_start

_NOT_SHIPPED = re.compile(
    r"(?:^|[^a-z])(?:dev|devel|development|test|tests|testing|ci|local|debug|lint|docs)(?:$|[^a-z])"
)
_SHIPPED = re.compile(r"(?:^|[^a-z])(?:prod|production|runtime|release|final)(?:$|[^a-z])")
_NO_NAME = re.compile(r"[^a-z0-9_.-]+")
_USUAL = {"dockerfile", "containerfile"}
NAME = "app"
"""The variant of a Dockerfile whose path tells no name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image that a Dockerfile of the repository builds."""

    dockerfile: str
    """Path in the repository, as that of the context."""
    context: str
    recipe: Recipe
    start: Start
    stages: tuple[str, ...] = ()
    """The names of its stages."""
    target: str | None = None
    """The stage that ships; None: the last."""

    @property
    def variant(self) -> str:
        """A name for it, from its path."""
        path = PurePosixPath(self.dockerfile.lower())
        parts = [part for part in path.name.split(".") if part not in _USUAL]
        name = _NO_NAME.sub("-", parts[0] if parts else path.parent.name).strip("-._")
        return name or NAME

    @property
    def kind(self) -> RoleKind | None:
        """As what its own command runs, by the command, its scripts, or its name; None: nothing tells."""
        return find_kind("" if self.variant == NAME else self.variant, self.start)

    @property
    def starts_something(self) -> bool:
        """Tell whether its own command starts a server that we know."""
        return bool(classify(self.start.all_calls))

    @property
    def is_shipped(self) -> bool:
        """Tell whether its name does not say that it is for development or tests alone."""
        return not _NOT_SHIPPED.search(self.dockerfile.lower())

    @property
    def port(self) -> int | None:
        """Where its API listens, by its command, what it exposes, or its health check."""
        service = ComposeService(name=self.variant, expose=self.recipe.ports)
        return find_port(service, self.start, self.recipe.health)

    @property
    def health_path(self) -> str | None:
        """The path that its health check asks."""
        return find_path(self.recipe.health)


def read_image_start(folder: Path, context: str, recipe: Recipe) -> Start:
    """Return how a container of an image starts, by its commands and the scripts that they name."""
    build = ComposeBuild(context=str(folder / context))
    return read_start(ComposeService(name=NAME, build=build), build, recipe)


def choose_stage(stages: Sequence[str]) -> str | None:
    """Return the name of the stage that ships if the last one's name says that it does not; None: the last one does."""
    if not stages or not _NOT_SHIPPED.search(stages[-1].lower()):
        return None
    named = [stage for stage in stages if _SHIPPED.search(stage.lower())]
    others = [stage for stage in stages if stage and not _NOT_SHIPPED.search(stage.lower())]
    return next(reversed(named or others), None)


def choose_images(images: Sequence[Image]) -> tuple[Image, ...]:
    """Return the images of the project; several only if each has its own kind of role. Empty: ask the user."""
    shipped = [image for image in images if image.is_shipped] or [*images]
    serving = [image for image in shipped if image.kind in {"api", "worker", "beat"}]
    kinds = [image.kind for image in serving]
    if len(serving) > 1 and len({*kinds}) == len(kinds) and "api" in kinds:
        return tuple(serving)
    if len(shipped) == 1:
        return tuple(shipped)
    return tuple(image for image in shipped if image.dockerfile == "Dockerfile")
