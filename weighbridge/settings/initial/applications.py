"""Finds the applications of a repository among its modules, and how Python calls them in an image."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

from weighbridge.model.recipe import Recipe
from weighbridge.settings.initial.code import Application, Library, Module

Probe = Literal["live", "ready"]
"""What an API is asked about itself."""
_PATHS: Mapping[Probe, Iterable[str]] = {
    "live": ("/livez", "/health/live", "/live", "/healthz", "/health", "/health/", "/healthcheck", "/ping"),
    "ready": ("/readyz", "/health/ready", "/ready", "/readiness"),
}
"""The usual paths, the most telling first."""
_NAME = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Found:
    """An application and where it is."""

    place: str
    """The module's path in the repository."""
    application: Application

    @property
    def name(self) -> str:
        """The application as `PATH:NAME`."""
        return f"{self.place}:{self.application.name}"


def find_applications(modules: Mapping[str, Module], library: Library) -> tuple[Found, ...]:
    """Return the applications of a library; a factory only if no module keeps what it makes and anybody can call it."""
    defaults = {each.name.upper(): each.default or "" for module in modules.values() for each in module.variables}
    own = [
        Found(place, replace(each, openapi=_fill(each.openapi, defaults)))
        for place, module in modules.items()
        for each in module.applications
        if each.library == library
    ]
    factories = {each.application.name: each for each in own if each.application.is_factory}
    ready = [each for each in own if not each.application.is_factory]
    used = set[str]()
    for place, module in modules.items():
        for name, function in module.made.items():
            factory = factories.get(function.rpartition(".")[2])
            if factory:
                used.add(factory.application.name)
                ready.append(Found(place, replace(factory.application, name=name, is_factory=False)))
    rest = [each for name, each in factories.items() if name not in used and not each.application.needs_arguments]
    return (*ready, *rest)


def name_module(place: str, context: str, recipe: Recipe) -> str:
    """Return how Python imports a module in an image: its path there, from the working folder.

    Args:
        place: The module's path in the repository.
        context: The build context's path in the repository; `.` is the repository.
        recipe: What the Dockerfile says.
    """
    path = posixpath.relpath(place, context)
    below = _find_in_image(path, recipe) or path
    return ".".join(PurePosixPath(below).with_suffix("").parts).removesuffix(".__init__")


def choose_path(found: Found | None, probe: Probe) -> str | None:
    """Return the path by which an API says that it is `live` or `ready`, among its routes; None: it has none."""
    routes = found.application.routes if found else ()
    return next((path for path in _PATHS[probe] if path in routes), None)


def _fill(path: str | None, defaults: Mapping[str, str]) -> str | None:
    """Return a path with the variables' defaults in the place of their names; None if one has none."""
    names = _NAME.findall(path or "")
    if path is None or not all(defaults.get(name.upper()) for name in names):
        return None
    return _NAME.sub(lambda found: defaults[found[1].upper()], path)


def _find_in_image(path: str, recipe: Recipe) -> str | None:
    """Return a file's path in the image, from the working folder; None if it is not below it."""
    places = [place for copied in recipe.copies if (place := _follow(path, copied.source, copied.target))]
    root = recipe.folder.rstrip("/") + "/"
    return next((place.removeprefix(root) for place in reversed(places) if place.startswith(root)), None)


def _follow(path: str, source: str, target: str) -> str | None:
    if path == source:
        return posixpath.join(target, posixpath.basename(path)) if target.endswith("/") else target
    if not source or path.startswith(f"{source}/"):
        return posixpath.join(target, posixpath.relpath(path, source or "."))
    return None
