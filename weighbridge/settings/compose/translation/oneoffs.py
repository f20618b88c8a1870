"""Translates a service that does one thing and ends into a command that runs before the roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weighbridge.settings.compose.translation.builds import identify
from weighbridge.settings.compose.translation.noting import Noting
from weighbridge.settings.compose.translation.process import describe_process, describe_working_dir
from weighbridge.settings.compose.translation.project_view import View
from weighbridge.settings.compose.translation.storage import list_writable, store_for_role


def describe_one_off(view: View, name: str, roles: Mapping[str, Mapping[str, Any]], noting: Noting) -> dict[str, Any]:
    """Return the settings of a one-off command.

    Args:
        view: The project.
        name: The service.
        roles: The roles as they were translated, by their names in our settings.
        noting: Where to note what is dropped.
    """
    service, recipe = view.project.services[name], view.get_recipe(name)
    build = view.builds.get(name)
    found = describe_process(service, recipe, noting)
    if build is None:
        found["image"] = service.image
    elif role := _find_role(view, name, roles):
        found["role"] = role
    else:
        found["variant"] = view.variants[identify(build)]
    if "command" not in found and "entrypoint" not in found and recipe.command:
        found["command"] = [*recipe.command]
    found |= describe_working_dir(service, noting)
    storage = store_for_role(service, build, recipe, view.folder, noting)
    if storage.writable:
        found["writable"] = list_writable(storage)
    if storage.mounts:
        found["mounts"] = storage.mounts
    waiting = [view.names[each] for each in service.depends_on if each in view.groups.roles]
    for each in waiting:
        noting.drop(f"it does not wait for the role {each}, because roles start later", "command")
    return _without_inherited(found, roles)


def _find_role(view: View, name: str, roles: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the role that runs from the same image, the API if there are several."""
    same = [
        view.names[role]
        for role in view.groups.roles
        if role in view.builds and identify(view.builds[role]) == identify(view.builds[name])
    ]
    return next((role for role in same if roles[role]["kind"] == "api"), same[0] if same else None)


def _without_inherited(found: dict[str, Any], roles: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the command's settings without the variables and folders that its role has, too."""
    role = roles.get(found.get("role", ""), {})
    kept = dict(found)
    inherited = role.get("environment", {})
    kept["environment"] = {
        key: text for key, text in found.get("environment", {}).items() if inherited.get(key) != text
    }
    kept["writable"] = [each for each in found.get("writable", ()) if each not in role.get("writable", ())]
    return {key: value for key, value in kept.items() if value or key not in {"environment", "writable"}}
