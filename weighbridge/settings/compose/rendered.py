"""Brings what Compose prints of a project into a form that our reader of files takes, without what it adds itself."""

from __future__ import annotations

import json
from typing import Any

from weighbridge.settings.compose.places import Place
from weighbridge.settings.compose.shapes import take_mapping, take_text

NAME = "docker compose config"
"""Where errors say that something stands."""
_MERGED = ("env_file", "extends")
"""Keys that have done their work."""


def parse(text: str, place: Place) -> dict[str, Any]:
    """Return the content of a compose file that says the same.

    Raises:
        SettingsError: It is no JSON of a project.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise place.refuse("it is no JSON") from error
    project = take_mapping(found, place)
    services = take_mapping(project.get("services") or {}, place.at("services"))
    return {
        "name": take_text(project.get("name"), place.at("name")),
        "services": {
            name: _tidy(take_mapping(each, place.at("services").at(name)), services) for name, each in services.items()
        },
        # Of networks and volumes only the names count here; Compose adds keys of its own.
        **{part: dict.fromkeys(project.get(part) or {}) for part in ("networks", "volumes")},
        **{part: project.get(part) or {} for part in ("secrets", "configs")},
    }


def _tidy(service: dict[str, Any], services: dict[str, Any]) -> dict[str, Any]:
    """Return a service without what stands for nothing, and without those it need not wait for, as they do not run."""
    kept = {key: value for key, value in service.items() if key not in _MERGED}
    if isinstance(waiting := kept.get("depends_on"), dict):
        kept["depends_on"] = {name: how for name, how in waiting.items() if name in services}
    if isinstance(deploy := kept.get("deploy"), dict):
        kept["deploy"] = {key: value for key, value in deploy.items() if value not in ({}, None)}
    return kept
