"""Finds compose files, and reads them as Compose does, into the services that are active."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from weighbridge import files as disk
from weighbridge.errors import SettingsError
from weighbridge.settings.compose import rendered
from weighbridge.settings.compose.active import ALL_PROFILES, choose_active
from weighbridge.settings.compose.documents import Model, Reading, Scope, read_files
from weighbridge.settings.compose.dotenv import read_variables
from weighbridge.settings.compose.finishing import Finishing
from weighbridge.settings.compose.interpolation import interpolate
from weighbridge.settings.compose.mounts import Folder
from weighbridge.settings.compose.places import Place
from weighbridge.settings.compose.project import ComposeProject

_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
_PROJECT_NAME = "COMPOSE_PROJECT_NAME"
_PROFILES = "COMPOSE_PROFILES"
_FILES, _SEPARATOR = "COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR"
_NONE: Mapping[str, str] = {}
_NAME = re.compile("[a-z0-9][a-z0-9_-]*")


def find(folder: Path, environment: Mapping[str, str] = _NONE) -> tuple[Path, ...]:
    """Return the files of a folder that Compose takes: those of COMPOSE_FILE, else one and what overrides it.

    Args:
        folder: Where the files and `.env` are.
        environment: The variables of the user; COMPOSE_FILE may also stand in `.env`.

    Returns:
        No file if there is none. Those of COMPOSE_FILE need not be there; `read` says so.

    Raises:
        SettingsError: `.env` cannot be read.
    """
    known = {**_read_dotenv(folder, environment, []), **environment}
    if named := known.get(_FILES):
        separator = known.get(_SEPARATOR) or os.pathsep
        return tuple(folder / each for each in named.split(separator) if each)
    found = [path for path in (folder / name for name in _NAMES) if disk.is_file(path)]
    overrides = [path for path in (folder / name for name in _OVERRIDES) if disk.is_file(path)]
    return (*found[:1], *overrides[:1]) if found else ()


def read(files: Sequence[Path], *, environment: Mapping[str, str], profiles: Collection[str] = ()) -> ComposeProject:
    """Read compose files.

    Args:
        files: One file or more; each is merged into those before it. Relative paths start in the folder of the first,
            where `.env` may stand.
        environment: The variables of the user; they have precedence over those of `.env`.
        profiles: The profiles whose services are active, `*` for all; if there are none, those of COMPOSE_PROFILES.

    Returns:
        The services that are active, and notes about what was not understood.

    Raises:
        SettingsError: A file cannot be read, or something is wrong in it; the error names file, service and key, and
            shows no value of a variable.
    """
    if not files:
        raise SettingsError("there is no compose file to read", advice="Name one.")
    paths = [path.absolute() for path in files]
    root = paths[0].parent
    reading = Reading()
    place = Place(", ".join(path.name for path in paths), "", reading.notes)
    known = {**_read_dotenv(root, environment, reading.notes), **environment}
    name = _find_name(paths, known, reading)
    known[_PROJECT_NAME] = name
    folder = Folder(root, known.get("HOME", ""))
    model = read_files(paths, Scope(reading=reading, environment=known, folder=folder))
    wanted = {*profiles} or {each.strip() for each in known.get(_PROFILES, "").split(",")} - {""}
    return _finish(name, model, wanted, known, place)


def read_rendered(text: str, folder: Path, *, environment: Mapping[str, str]) -> ComposeProject:
    """Read what `docker compose config --format json` prints: the active services, merged and interpolated.

    Args:
        text: The JSON.
        folder: The project's folder, where `.env` may stand.
        environment: The variables of the user, of which secrets are made.

    Raises:
        SettingsError: It is no such JSON, or something in it is wrong.
    """
    path = folder.absolute() / rendered.NAME
    place = Place(path.name)
    content = rendered.parse(text, place)
    reading = Reading({path: content})
    place = Place(path.name, "", reading.notes)
    # Each dollar is written twice, so that nothing of it is a variable.
    model = read_files([path], Scope(reading=reading, environment={}, folder=Folder(path.parent)))
    known = {**_read_dotenv(path.parent, environment, []), **environment}
    return _finish(str(content["name"]), model, {ALL_PROFILES}, known, place)


def _finish(
    name: str, model: Model, profiles: Collection[str], environment: Mapping[str, str], place: Place
) -> ComposeProject:
    active = choose_active(model["services"], profiles, place.at("services"))
    finishing = Finishing(model, environment, place)
    services = {each: finishing.build_service(each, active) for each in active}
    return ComposeProject(name=name, services=services, notes=tuple(dict.fromkeys(place.notes)))


def _read_dotenv(root: Path, environment: Mapping[str, str], notes: list[str]) -> dict[str, str]:
    path = root / ".env"
    return read_variables(path, environment, Place(path.name, "", notes)) if disk.is_file(path) else {}


def _find_name(paths: Sequence[Path], environment: Mapping[str, str], reading: Reading) -> str:
    if name := environment.get(_PROJECT_NAME):
        if not _NAME.fullmatch(name):
            raise SettingsError(
                f"{_PROJECT_NAME} is no name of a project: it has letters a to z, digits, - and _ only",
                advice=f"Correct {_PROJECT_NAME}.",
            )
        return name
    for name, place in _read_names(reversed(paths), environment, reading):
        if not _NAME.fullmatch(name):
            raise place.refuse("it is no name of a project: it has letters a to z, digits, - and _ only")
        return name
    letters = re.sub("[^a-z0-9_-]", "", paths[0].parent.name.lower()).lstrip("_-")
    return letters or "compose"


def _read_names(paths: Iterator[Path], environment: Mapping[str, str], reading: Reading) -> Iterator[tuple[str, Place]]:
    """Yield the names that files give, and where."""
    for path in paths:
        place = Place(path.name, "", reading.notes).at("name")
        name = reading.open(path, Place(path.name)).get("name")
        if isinstance(name, str) and name:
            yield interpolate(name, environment, place), place
