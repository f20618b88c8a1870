"""Takes what the settings do not say from files beside them: the stack from compose files, variables from env files."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge.build.recipes import find_recipes
from weighbridge.engine import compose
from weighbridge.errors import SettingsError
from weighbridge.settings.compose import reader
from weighbridge.settings.compose.dotenv import read_variables
from weighbridge.settings.compose.places import Place
from weighbridge.settings.compose.translation.translator import translate
from weighbridge.settings.project import Settings

Values = Mapping[str, Any]
_KEY = re.compile(r"`((?:roles|smoke)\.[\w.-]+)`")
_UNSET = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What compose files say, as settings that those of the project override."""

    values: Values
    files: tuple[str, ...]
    """The files' names."""
    notes: tuple[str, ...]
    """What was guessed or left out."""


def describe(own: Values, folder: Path) -> Described | None:
    """Return what the compose files of a project say; None if there are none, or the settings want none.

    The project's own variants count instead of those of the files. If all roles run from one build, they run from each
    variant that is tested; if not, from the variant that is built in the same way.

    Args:
        own: The project's own settings, unchecked.
        folder: The project's folder.

    Raises:
        SettingsError: A compose file cannot be read or is wrong, or has no service that the settings change.
    """
    files = _find_files(own, folder)
    if not files:
        return None
    root = files[0].absolute().parent
    text = compose.render(files, root, environment=os.environ)
    project = (
        reader.read_rendered(text, root, environment=os.environ)
        if text is not None
        else reader.read(files, environment=os.environ)
    )
    found = translate(project, folder, find_recipes(project))
    names = tuple(file.name for file in files)
    _check_changes(own, found.values, [*project.services], names)
    values = _use_own_variants(own, dict(found.values))
    no_others = {name: None for name in ("api", "worker") if name not in values["roles"]}
    values["roles"] = {**values["roles"], **no_others}
    notes = [note for note in found.notes if not is_settled(own, note)]
    return Described(values=values, files=names, notes=(*project.notes, *notes))


def read_env_files(settings: Settings, folder: Path) -> Settings:
    """Return settings in which the variables of env files stand beside the others.

    Raises:
        SettingsError: An env file cannot be read, or a line of it is wrong.
    """
    smoke = settings.smoke
    if not any(each.env_file for each in (smoke, *settings.roles.values(), *smoke.before.values())):
        return settings

    def fold(each: Any, place: str) -> Any:
        known = _read(each.env_file, folder, f"{place}.env_file")
        return each.model_copy(update={"environment": {**known, **each.environment}, "env_file": ()})

    before = {name: fold(each, f"smoke.before.{name}") for name, each in smoke.before.items()}
    roles = {name: fold(role, f"roles.{name}") for name, role in settings.roles.items()}
    smoke = fold(smoke, "smoke").model_copy(update={"before": before})
    return settings.model_copy(update={"roles": roles, "smoke": smoke})


def is_settled(own: Values, note: str) -> bool:
    """Tell whether the settings say themselves what a note guesses: it names the key that would."""
    for path in _KEY.findall(note):
        section: Any = own
        for part in path.split("."):
            section = section.get(part, _UNSET) if isinstance(section, Mapping) else _UNSET
        if section is not _UNSET:
            return True
    return False


def _read(paths: Sequence[str], folder: Path, place: str) -> dict[str, str]:
    found = dict[str, str]()
    for path in paths:
        where = Place(path, place, [])
        found |= read_variables(folder / path, {**os.environ}, where, earlier=found)
    return found


def _find_files(own: Values, folder: Path) -> tuple[Path, ...]:
    smoke = own.get("smoke")
    section = smoke if isinstance(smoke, Mapping) else {}
    wanted = section.get("compose")
    if wanted is False:
        return ()
    if wanted is None:
        is_described = own.get("roles") or section.get("services") is not None
        return () if is_described else reader.find(folder, os.environ)
    paths = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(paths, Sequence) or not all(isinstance(path, str) for path in paths):
        return ()  # the check of all settings says what is wrong
    return tuple(folder / path for path in paths)


def _check_changes(own: Values, found: Values, services: Collection[str], files: Iterable[str]) -> None:
    """Refuse a change of a service that the compose files do not have: it is hardly meant as a new one.

    Whoever removes one that was left out anyway is right.
    """
    smoke = own.get("smoke")
    changed_services = smoke.get("services") if isinstance(smoke, Mapping) else None
    for place, changed, known, marks in (
        ("roles", own.get("roles"), found["roles"], ("kind",)),
        ("smoke.services", changed_services, found["smoke"].get("services", {}), ("image",)),
    ):
        for name, value in changed.items() if isinstance(changed, Mapping) else ():
            is_new = isinstance(value, Mapping) and any(mark in value for mark in marks)
            is_left_out = value is None and name in services
            if name not in known and not is_new and not is_left_out:
                raise SettingsError(
                    f"{place}.{name}: {', '.join(files)} has no such service; it has {', '.join(known) or 'none'}",
                    advice=f"Use one of these names or, for another one, give its {marks[0]}.",
                )


def _use_own_variants(own: Values, found: dict[str, Any]) -> dict[str, Any]:
    """Return settings whose roles run from the project's own variants, if it has any."""
    variants = own.get("variants")
    if not isinstance(variants, Mapping) or not variants:
        return found
    theirs = found.pop("variants", {})
    same = {name: _find_same(each, variants) for name, each in theirs.items()}
    kept = {name: theirs[name] for name, other in same.items() if not other}

    def rename(section: Values) -> dict[str, Any]:
        return {
            name: {**each, "variant": same[each["variant"]] or each["variant"]} if each.get("variant") else each
            for name, each in section.items()
        }

    named = any(each.get("variant") for each in found["roles"].values())
    smoke = found["smoke"]
    smoke = {**smoke, "before": rename(smoke["before"])} if "before" in smoke else smoke
    return {**found, **({"variants": kept} if named and kept else {}), "roles": rename(found["roles"]), "smoke": smoke}


def _find_same(build: Values, variants: Values) -> str:
    """Return the variant that is built as a service of a compose file is; empty if there is none, or more than one."""
    wanted = _identify(build)
    found = [name for name, each in variants.items() if isinstance(each, Mapping) and _identify(each) == wanted]
    return str(found[0]) if len(found) == 1 else ""


def _identify(build: Values) -> tuple[str, str, object]:
    context, dockerfile = str(build.get("context") or "."), str(build.get("dockerfile") or "Dockerfile")
    return os.path.normpath(context), os.path.normpath(dockerfile), build.get("target")
