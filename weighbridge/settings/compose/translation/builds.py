"""Finds out which services share an image that is built here, and describes these images as variants."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weighbridge import files
from weighbridge.model.reference import strip_tag
from weighbridge.settings.compose.project import ComposeBuild, ComposeProject

BuildKey = tuple[str, str, str | None, tuple[tuple[str, str], ...]]


def find_builds(project: ComposeProject) -> dict[str, ComposeBuild]:
    """Return service -> what its image is built from, for those whose build context is a folder here.

    A service that only names an image has the build of the service that gives this name to what it builds.
    """
    own = {
        name: service.build
        for name, service in project.services.items()
        if service.build and files.is_folder(Path(service.build.context))
    }
    named = dict[str, ComposeBuild]()
    for name in sorted(own):
        named.setdefault(_add_tag(project.services[name].image or f"{project.name}-{name}"), own[name])
    for name, service in project.services.items():
        if not service.build and service.image and (build := named.get(_add_tag(service.image))):
            own[name] = build
    return own


def identify(build: ComposeBuild) -> BuildKey:
    """Return what is equal for builds of the same image."""
    return build.context, build.dockerfile, build.target, tuple(sorted(build.args.items()))


def describe_variant(build: ComposeBuild, folder: Path) -> dict[str, Any]:
    """Return a build as a variant of the settings; paths below the project's folder start there."""
    dockerfile = os.path.normpath(Path(build.context, build.dockerfile))
    found: dict[str, Any] = {
        "context": shorten_path(build.context, folder),
        "dockerfile": shorten_path(dockerfile, folder),
    }
    if build.target:
        found["target"] = build.target
    if build.args:
        found["arguments"] = dict(build.args)
    return found


def shorten_path(path: str, folder: Path) -> str:
    """Return a path as the settings write it: from the project's folder if it is below it."""
    root = os.path.normpath(folder)
    return os.path.relpath(path, root) if Path(path).is_relative_to(root) else path


def name_variants(
    builds: Mapping[str, ComposeBuild], order: Sequence[str], names: Mapping[str, str]
) -> dict[BuildKey, str]:
    """Return the name of each build's variant: that of the first service, in the given order, that it is for."""
    found = dict[BuildKey, str]()
    for service in order:
        if service in builds:
            found.setdefault(identify(builds[service]), names[service])
    return found


def _add_tag(image: str) -> str:
    """Return an image's name with the tag that it has if it names none."""
    return image if strip_tag(image) != image or re.search("@", image) else f"{image}:latest"
