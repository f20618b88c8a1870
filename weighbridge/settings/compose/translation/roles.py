"""Translates a service that is built here into a role."""

from __future__ import annotations

from typing import Any

from weighbridge.settings.compose.translation.addresses import DEFAULT_PORT, find_path, find_port, is_named
from weighbridge.settings.compose.translation.noting import Noting
from weighbridge.settings.compose.translation.process import (
    describe_grace,
    describe_health,
    describe_process,
    describe_working_dir,
)
from weighbridge.settings.compose.translation.programs import RoleKind
from weighbridge.settings.compose.translation.project_view import View
from weighbridge.settings.compose.translation.reloading import drop_reload
from weighbridge.settings.compose.translation.starts import find_kind, find_scripted_app
from weighbridge.settings.compose.translation.storage import list_writable, store_for_role

_PATH = "/openapi.json"
"""What a FastAPI application answers if nobody says otherwise."""


def describe_role(view: View, name: str, noting: Noting) -> dict[str, Any]:
    """Return a role's settings."""
    service, recipe = view.project.services[name], view.get_recipe(name)
    kind = _choose_kind(view, name, noting)
    found: dict[str, Any] = {"kind": kind, **_describe_start(view, name, noting)}
    if name not in view.builds:
        found["image"] = service.image
    elif variant := view.find_variant(name):
        found["variant"] = variant
    found |= describe_working_dir(service, noting)
    if aliases := view.list_aliases(name, noting):
        found["aliases"] = aliases
    if health := describe_health(service.healthcheck):
        found["health"] = health
    found |= _describe_addresses(view, name, kind, noting)
    waited = [other for other, how in service.depends_on.items() if how == "service_healthy"]
    if after := [view.names[other] for other in waited if other in view.groups.roles]:
        found["after"] = after
    if kind == "worker" and (app := find_scripted_app(view.starts[name])):
        # The command does not show how it calls Celery, so nobody else could tell.
        found["registered"] = ["celery", "--app", app, "inspect", "registered", "--json"]
    if (grace := describe_grace(service.stop_grace_period)) is not None:
        found["grace_seconds"] = grace
    storage = store_for_role(service, view.builds.get(name), recipe, view.folder, noting)
    if storage.writable:
        found["writable"] = list_writable(storage)
    if storage.mounts:
        found["mounts"] = storage.mounts
    return found


def _choose_kind(view: View, name: str, noting: Noting) -> RoleKind:
    kind = find_kind(name, view.starts[name])
    if kind is None:
        noting.guess("neither its command nor its name tells what it is, so it is taken as `other`", "kind")
    return kind or "other"


def _describe_start(view: View, name: str, noting: Noting) -> dict[str, Any]:
    """Return how the role starts, without what would start it anew when its code changes."""
    service, recipe = view.project.services[name], view.get_recipe(name)
    found = describe_process(service, recipe, noting)
    # The image's own command counts only if the compose file does not replace it.
    own = {"entrypoint": recipe.entrypoint, "command": recipe.command if service.entrypoint is None else ()}
    for key in ("entrypoint", "command"):
        words = found.get(key, own[key])
        once = [*drop_reload(words)]
        if once and once != [*words]:
            found[key] = once
            noting.drop("its reloading is dropped, for in a container nothing changes", key)
    return found


def _describe_addresses(view: View, name: str, kind: RoleKind, noting: Noting) -> dict[str, Any]:
    service, start = view.project.services[name], view.starts[name]
    ports = dict.fromkeys((*service.ports, *service.expose))
    if kind != "api":
        return {"ports": [*ports]} if ports else {}
    check = service.healthcheck
    health = describe_health(check) or ([] if check and check.disabled else view.get_recipe(name).health)
    port, path = find_port(service, start, health), find_path(health)
    if port is None and not is_named(start):
        noting.guess(f"nothing says where it listens, so its port is taken as {DEFAULT_PORT}", "port")
    if path is None:
        noting.guess(f"no health check says which path it answers, so {_PATH} is taken for `live` and `ready`", "live")
    port = port or DEFAULT_PORT
    ports.pop(port, None)
    found: dict[str, Any] = {"port": port, "live": path or _PATH, "ready": path or _PATH}
    return {**found, "ports": [*ports]} if ports else found
