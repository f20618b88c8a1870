"""Translates a service that roles need, such as a database or a broker."""

from __future__ import annotations

from typing import Any

from weighbridge.model.recipe import NOTHING
from weighbridge.model.services import name_kind
from weighbridge.settings.compose.translation.noting import Noting
from weighbridge.settings.compose.translation.process import describe_health, describe_process
from weighbridge.settings.compose.translation.project_view import View
from weighbridge.settings.compose.translation.storage import store_for_service


def describe_service(view: View, name: str, noting: Noting) -> dict[str, Any]:
    """Return a service's settings."""
    service = view.project.services[name]
    image = service.image or ""
    found: dict[str, Any] = {"image": image, **describe_process(service, NOTHING, noting)}
    health = describe_health(service.healthcheck)
    if health and not name_kind(image):
        found["ready"] = health
    if aliases := view.list_aliases(name, noting):
        found["aliases"] = aliases
    storage = store_for_service(service, view.folder, noting)
    of_roles = {
        volume.source for role in view.groups.roles for volume in view.project.services[role].volumes if volume.source
    }
    for volume in service.volumes:
        if volume.kind == "volume" and volume.source in of_roles:
            noting.drop(f"it does not share the volume {volume.source} with roles", "writable")
    if storage.writable:
        found["writable"] = storage.writable
    if storage.mounts:
        found["mounts"] = storage.mounts
    return found
