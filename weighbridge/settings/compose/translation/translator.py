"""Translates a compose project into settings that describe the same stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge.model.recipe import Recipe
from weighbridge.settings.compose.project import ComposeProject
from weighbridge.settings.compose.translation.builds import describe_variant, identify
from weighbridge.settings.compose.translation.names import name_repository
from weighbridge.settings.compose.translation.needs import describe_service
from weighbridge.settings.compose.translation.noting import Noting
from weighbridge.settings.compose.translation.oneoffs import describe_one_off
from weighbridge.settings.compose.translation.project_view import View, look_at
from weighbridge.settings.compose.translation.roles import describe_role

_NO_RECIPES: Mapping[str, Recipe] = {}


@dataclass(frozen=True, slots=True)
class Translation:
    """A compose project as settings."""

    values: Mapping[str, Any]
    """The settings, in dicts, lists and texts, as a file has them."""
    notes: tuple[str, ...] = ()
    """What was dropped or guessed: a sentence for each, which names the service and the setting that changes it."""


def translate(project: ComposeProject, folder: Path, recipes: Mapping[str, Recipe] = _NO_RECIPES) -> Translation:
    """Return the settings of the stack that a compose project describes.

    Services that are built from a folder here are roles; those that do one thing and end are commands before them; of
    the others those are services that roles need. There are no other roles, not even those that settings have by
    default. The same project gives the same settings, however it was read.

    Args:
        project: The project.
        folder: The project's folder, where the paths of the settings start.
        recipes: Service -> what its Dockerfile says, for those that are built here.
    """
    folder = folder.absolute()
    view = look_at(project, folder, recipes)
    notes = list[str]()
    roles = {
        view.names[name]: describe_role(view, name, Noting(name, f"roles.{view.names[name]}", notes))
        for name in view.groups.roles
    }
    smoke: dict[str, Any] = {
        "data": None,  # their volumes say what they may write to
        "services": {
            view.names[name]: describe_service(view, name, Noting(name, f"smoke.services.{view.names[name]}", notes))
            for name in view.groups.services
        },
    }
    before = {
        view.names[name]: describe_one_off(view, name, roles, Noting(name, f"smoke.before.{view.names[name]}", notes))
        for name in view.groups.before
    }
    if before:
        smoke["before"] = before
    _note_left_out(view, notes)
    values: dict[str, Any] = {"repository": name_repository(project)}
    if view.variants:
        values["variants"] = _describe_variants(view)
    values |= {"roles": roles, "smoke": smoke}
    return Translation(values, tuple(notes))


def _describe_variants(view: View) -> dict[str, Any]:
    builds = {identify(build): build for build in view.builds.values()}
    return {name: describe_variant(builds[key], view.folder) for key, name in view.variants.items()}


def _note_left_out(view: View, notes: list[str]) -> None:
    reasons = {
        "it only runs tests": (view.groups.tests, "roles"),
        "no role waits for it or names it": (view.groups.unused, "smoke.services"),
        "it is built from what is not in a folder here, and has no image": (view.groups.foreign, "smoke.services"),
    }
    for reason, (names, section) in reasons.items():
        for name in names:
            Noting(name, f"{section}.{view.names[name]}", notes).leave_out(reason)
