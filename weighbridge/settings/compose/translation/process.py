"""Describes the process of a container in our settings: entrypoint, command, user, folder and variables."""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Sequence
from typing import Any

from weighbridge.model.recipe import Recipe
from weighbridge.settings.compose.project import ComposeHealthcheck, ComposeService
from weighbridge.settings.compose.translation.noting import Noting

_FOLDER = re.compile(r"(?:/[A-Za-z0-9_.-]+)+")
_USER = re.compile(r"[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)?")
_MOST_SECONDS = 3600
_LEAST_SECONDS = 0.1
"""Compose takes 0 for no time at all, our settings want some."""


def describe_process(service: ComposeService, recipe: Recipe, noting: Noting) -> dict[str, Any]:
    """Return the keys that say how a container starts; what the compose file leaves to the image is left out."""
    found = _describe_words(service, recipe, noting)
    if service.user and _USER.fullmatch(service.user):
        found["user"] = service.user
    elif service.user:
        noting.drop("its user is no name or number and is left out", "user")
    if service.environment:
        found["environment"] = dict(service.environment)
    return found


def describe_working_dir(service: ComposeService, noting: Noting) -> dict[str, Any]:
    """Return the key of the working folder, if the compose file sets one that our settings take."""
    folder = service.working_dir
    if folder is None:
        return {}
    if is_folder(clean := posixpath.normpath(folder)):
        return {"working_dir": clean}
    noting.drop("its working folder is not the absolute path of one below / and is left out", "working_dir")
    return {}


def is_folder(path: str) -> bool:
    """Tell whether our settings take a path in a container."""
    return bool(_FOLDER.fullmatch(path))


def describe_health(check: ComposeHealthcheck | None) -> list[str]:
    """Return the words of a health check; empty: none of its own."""
    if check is None or check.disabled or not check.test:
        return []
    kind, *words = check.test
    return ["/bin/sh", "-c", " ".join(words)] if kind == "CMD-SHELL" else words


def describe_grace(seconds: float | None) -> float | None:
    """Return how long a role may take to end, within what our settings take; None: not said."""
    if seconds is None:
        return None
    bounded = min(max(seconds, _LEAST_SECONDS), _MOST_SECONDS)
    return int(bounded) if math.isclose(bounded, int(bounded)) else bounded


def _describe_words(service: ComposeService, recipe: Recipe, noting: Noting) -> dict[str, Any]:
    """Return entrypoint and command. An empty entrypoint removes the image's; an empty command stands for none."""
    if service.entrypoint is not None and not service.entrypoint:
        words: Sequence[str] = service.command or recipe.command
        if not words:
            noting.drop(
                "its entrypoint is removed, but its command is not known, so the image's own remains", "entrypoint"
            )
        return {"entrypoint": [*words]} if words else {}
    found = {"entrypoint": service.entrypoint, "command": service.command}
    return {key: [*words] for key, words in found.items() if words}
