"""Says how the container of a service starts, by its compose file, its Dockerfile and its scripts, and as what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weighbridge.model.recipe import Recipe
from weighbridge.settings.compose.project import ComposeBuild, ComposeService
from weighbridge.settings.compose.translation.programs import (
    Call,
    RoleKind,
    classify,
    find_app,
    find_calls,
    runs_once,
    runs_tests,
)
from weighbridge.settings.compose.translation.scripts import find_scripted

_WORD = re.compile("[a-z]+")
_BY_PART: Mapping[str, RoleKind] = {
    "beat": "beat",
    "scheduler": "beat",
    "flower": "other",
    "worker": "worker",
    "celery": "worker",
    "backend": "api",
}
"""A part of a service's name -> its kind; the first that is there counts."""
_API_WORDS = {"api", "web", "app", "server"}
"""Words that an API's name has; as a part of a longer word they mean nothing."""
_ONCE_IN_NAME = re.compile(
    r"(?:^|[^a-z])(?:migrat\w*|alembic|pre-?_?start|init(?:ial)?(?:-?_?(?:db|data))?|seed\w*|setup|bootstrap|fixtures"
    r"|create\w*)(?:$|[^a-z])"
)
_ONCE_IN_COMMAND = re.compile(r"migrat\w*|pre-?_?start\w*|init(?:ial)?-?_?(?:db|data)|seed\w*|create[-_]\w+|bootstrap")
_ENDING = re.compile(r"\.(?:sh|py|bash)$")


@dataclass(frozen=True, slots=True)
class Start:
    """How a container starts."""

    words: tuple[str, ...] = ()
    """Entrypoint and command; empty: not known."""
    calls: tuple[Call, ...] = ()
    """Of programs that we know, in these words."""
    scripted: tuple[Call, ...] = ()
    """Of programs that we know, in scripts that these words name."""

    @property
    def all_calls(self) -> tuple[Call, ...]:
        """The calls in the words and in the scripts."""
        return (*self.calls, *self.scripted)


def read_start(service: ComposeService, build: ComposeBuild | None, recipe: Recipe) -> Start:
    """Return how a service's container starts.

    Args:
        service: The service.
        build: What its image is built from here; None: it is not.
        recipe: What the Dockerfile says.
    """
    entrypoint, command = recipe.entrypoint, service.command or recipe.command
    if service.entrypoint:
        entrypoint, command = service.entrypoint, service.command or ()
    elif service.entrypoint is not None:
        entrypoint = ()
    words = (*entrypoint, *command)
    folder = service.working_dir or recipe.folder
    scripted = find_scripted(words, Path(build.context), recipe, folder) if build else ()
    return Start(words, find_calls(words), scripted)


def find_kind(name: str, start: Start) -> RoleKind | None:
    """Return as what a service runs; None: neither its command nor its name tells."""
    named = _name_kind(name)
    if known := classify(start.calls):
        return known[0]
    if scripted := classify(start.scripted):
        # A script may start this or that, by the words that it gets.
        return named if named in scripted else scripted[0]
    return named


def find_scripted_app(start: Start) -> str | None:
    """Return the application of a Celery worker that a script starts, and not the command itself."""
    if any(call.program == "celery" for call in start.calls):
        return None
    apps = (find_app(call) for call in start.scripted if classify([call]) == ("worker",))
    return next((app for app in apps if app), None)


def ends_by_itself(name: str, start: Start) -> bool:
    """Tell whether a service does one thing and ends, such as a migration: by its command, or by its name."""
    if classify(start.all_calls):
        return False
    if runs_once(start.all_calls) or _ONCE_IN_NAME.search(name.lower()):
        return True
    words = [word for text in start.words for word in text.split()]
    stems = (re.split("[./]", _ENDING.sub("", word.lower()))[-1] for word in words)
    return any(_ONCE_IN_COMMAND.fullmatch(stem) for stem in stems)


def is_test_run(start: Start) -> bool:
    """Tell whether a service runs tests."""
    return not classify(start.all_calls) and runs_tests(start.calls)


def _name_kind(name: str) -> RoleKind | None:
    kind = next((kind for part, kind in _BY_PART.items() if part in name.lower()), None)
    return kind or ("api" if _API_WORDS & {*_WORD.findall(name.lower())} else None)
