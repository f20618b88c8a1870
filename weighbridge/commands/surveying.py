"""Surveys a repository: its Dockerfiles, compose files, applications and requirements, without running any of it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge import files
from weighbridge.build.dockerfile import list_sources, read_text
from weighbridge.build.recipes import list_stages, read_recipe
from weighbridge.commands import stack_files
from weighbridge.commands.stack_files import Described
from weighbridge.image import requirements
from weighbridge.secret_detection import is_secret
from weighbridge.settings.compose import reader
from weighbridge.settings.compose.dotenv import read_variables
from weighbridge.settings.compose.places import Place
from weighbridge.settings.initial import seen, tree
from weighbridge.settings.initial.applications import Found, find_applications
from weighbridge.settings.initial.code import Module
from weighbridge.settings.initial.images import Image, choose_stage, read_image_start

_MOST_DOCKERFILES = 100
_CODE = ".py", ".txt", ".toml", ".lock"
_DOTENV = ".env"
_NO_NAME = re.compile("[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a repository has."""

    folder: Path
    places: tuple[str, ...]
    """Its files, by their paths."""
    images: tuple[Image, ...]
    """One for each Dockerfile."""
    modules: Mapping[str, Module]
    packages: frozenset[str]
    """The Python packages that it requires, and what Celery's extras bring."""
    apis: tuple[Found, ...]
    celeries: tuple[Found, ...]

    def find_image(self, variant: Mapping[str, Any]) -> Image | None:
        """Return the image of a variant, as it is built there."""
        dockerfile = os.path.normpath(variant.get("dockerfile") or "Dockerfile")
        context = os.path.normpath(variant.get("context") or ".")
        return _read_image(self.folder, dockerfile, context, variant.get("target"))

    def describe(self, described: Described | None) -> dict[str, dict[str, str]]:
        """Return what is seen, to keep it in a file."""
        stack = seen.describe_stack(described.values, _list_secrets(self.folder)) if described else {}
        applications = seen.describe_applications((*self.apis, *self.celeries))
        return {**seen.describe_images(self.images), **stack, **applications}


def survey(folder: Path) -> Survey:
    """Return what a repository has in a folder and below it."""
    places = tree.list_files(folder)
    modules = tree.read_modules(folder, places)
    dockerfiles = [place for place in places if tree.is_dockerfile(place)][:_MOST_DOCKERFILES]
    images = (_read_image(folder, place, _choose_context(folder, place), None, chooses=True) for place in dockerfiles)
    return Survey(
        folder=folder,
        places=places,
        images=tuple(filter(None, images)),
        modules=modules,
        packages=frozenset(_list_packages(folder, places)),
        apis=find_applications(modules, "fastapi"),
        celeries=find_applications(modules, "celery"),
    )


def find_compose_files(found: Survey) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the compose files that Compose would find, and where it finds none those that are called so."""
    usual = reader.find(found.folder, os.environ)
    others = () if usual else tuple(place for place in found.places if tree.is_compose_file(place))
    return tuple(os.path.relpath(path, found.folder) for path in usual), others


def describe_compose(folder: Path, chosen: tuple[str, ...]) -> Described | None:
    """Return what compose files say as settings; None if none of their services is built here.

    Raises:
        SettingsError: One cannot be read or is wrong.
    """
    described = stack_files.describe({"smoke": {"compose": [*chosen]}}, folder) if chosen else None
    is_ours = described and any(role and role.get("kind") != "other" for role in described.values["roles"].values())
    return described if is_ours else None


def name_repository(folder: Path) -> str:
    """Return a name for the images, after the folder."""
    return _NO_NAME.sub("-", folder.resolve().name.lower()).strip("-") or "app"


def _read_image(folder: Path, place: str, context: str, target: str | None, *, chooses: bool = False) -> Image | None:
    try:
        text = read_text(folder / place)
    except OSError:
        return None
    stages = list_stages(text)
    target = choose_stage(stages) if chooses else target
    recipe = read_recipe(text, target, {})
    start = read_image_start(folder, context, recipe)
    return Image(dockerfile=place, context=context, recipe=recipe, start=start, stages=stages, target=target)


def _choose_context(folder: Path, place: str) -> str:
    """Return the folder that a Dockerfile copies from: the repository or its own, by what it copies."""
    own = os.path.dirname(place)  # noqa: PTH120 - of a path in the repository, as a text
    if not own:
        return "."
    try:
        sources = [each for each in list_sources(read_text(folder / place)) if not set(each) & set("*?[$")]
    except OSError:
        return "."
    here, there = (all((folder / start / each).exists() for each in sources) for start in (".", own))
    if here and there:  # such as `COPY . .`
        there = any(each.name.endswith(_CODE) for each in (folder / own).iterdir())
    return own if there else "."


def _list_packages(folder: Path, places: tuple[str, ...]) -> Iterator[str]:
    for place in filter(requirements.is_source, places):
        try:
            found = requirements.read(place, files.read(folder / place, requirements.LONGEST_BYTES))
        except OSError:
            continue
        if found and found.kind == "python":
            yield from found.names
            yield from found.names.get("celery", ())


def _list_secrets(folder: Path) -> set[str]:
    """Return values that a compose file may put into a command, and that the settings must not hold."""
    known = dict(os.environ)
    if files.is_file(folder / _DOTENV):
        known |= read_variables(folder / _DOTENV, os.environ, Place(_DOTENV, "", []))
    return {value for name, value in known.items() if is_secret(name, value)}
