"""Reads settings from environment variables: `WEIGHBRIDGE_REPORTS_DIRECTORY` is `reports.directory`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from weighbridge.errors import SettingsError
from weighbridge.settings.values import Section

PROGRAM, INVOKE = "WEIGHBRIDGE_", "INVOKE_WEIGHBRIDGE_"
"""How the variables begin for the program, and under Invoke."""
OLD = "INVOKE_"
"""How they began up to version 0.1."""
RESERVED = frozenset({"VERSION", "REVISION", "CREATED", "CA_BUNDLE", "RUNTIME_CONFIG", "MOMENTS"})
"""What follows `WEIGHBRIDGE_` in variables of the image, of its build and of compose.yaml; they are no settings."""
_ALIKE = 0.85
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """Settings that the environment sets."""

    values: Mapping[str, Any]
    """Nested as in a file; every value is a text."""
    names: Mapping[Path, str]
    """Path of a setting -> the variable that sets it."""


def read(environment: Mapping[str, str], prefix: str, model: type[BaseModel], known: Mapping[str, Any]) -> Variables:
    """Return the settings that variables with this prefix set.

    Args:
        environment: All variables.
        prefix: How ours begin.
        model: The model of the settings.
        known: The settings of the files: a variable can set `variants.NAME.target` only for a variant that they have.

    Raises:
        SettingsError: A variable's name is almost that of a setting: probably a typing error.
    """
    ours = {name: name.removeprefix(prefix) for name in sorted(environment) if name.startswith(prefix)}
    if {*ours.values()} <= RESERVED:  # mostly there are none, and to list all settings takes a while
        return Variables(values={}, names={})
    names = {_name(path): path for path in _iterate_paths(model, known)}
    values, found = dict[str, Any](), dict[Path, str]()
    for variable, rest in ours.items():
        if rest in RESERVED:
            continue
        if rest in names:
            found[names[rest]] = variable
            _set(values, names[rest], environment[variable])
        elif alike := difflib.get_close_matches(rest, names, n=1, cutoff=_ALIKE):
            raise SettingsError(f"{variable} sets nothing", advice=f"Did you mean {prefix}{alike[0]}?")
    return Variables(values=values, names=found)


def read_old(
    environment: Mapping[str, str], model: type[BaseModel], known: Mapping[str, Any], theirs: Collection[str]
) -> Variables:
    """Return the settings that variables set under their names up to version 0.1; others with that prefix are Invoke's.

    Args:
        environment: All variables.
        model: The model of the settings.
        known: The settings of the files.
        theirs: Keys at the top of a client's invoke.yaml: variables for these are not ours.
    """
    if all(name.startswith(INVOKE) for name in environment if name.startswith(OLD)):  # as above
        return Variables(values={}, names={})
    values, found = dict[str, Any](), dict[Path, str]()
    for path in _iterate_paths(model, known):
        variable = f"{OLD}{_name(path)}"
        if variable in environment and path[0] not in theirs:
            found[path] = variable
            _set(values, path, environment[variable])
    return Variables(values=values, names=found)


def rename(old: str) -> str:
    """Return today's name of a variable under Invoke."""
    return f"{INVOKE}{old.removeprefix(OLD)}"


def _name(path: Path) -> str:
    return re.sub(r"[^A-Z0-9]", "_", "_".join(path).upper())


def _set(values: dict[str, Any], path: Path, text: str) -> None:
    for part in path[:-1]:
        inner = values.get(part)
        values[part] = values = inner if isinstance(inner, dict) else {}
    values[path[-1]] = text


def _iterate_paths(model: type[BaseModel], known: Any, place: Path = ()) -> Iterator[Path]:
    """Yield the path of each setting; where the user gives names, of each name that is known."""
    here = known if isinstance(known, Mapping) else {}
    for name, field in model.model_fields.items():
        yield from _iterate_below(field.annotation, here.get(name), (*place, name))


def _iterate_below(kind: Any, known: Any, place: Path) -> Iterator[Path]:
    sections, maps = _find_parts(kind)
    if not sections and not maps:
        yield place
        return
    if any(section.takes_single_value for section in sections if issubclass(section, Section)):  # as a limit can be
        yield place
    for section in sections:
        yield from _iterate_paths(section, known, place)
    for inner in maps:
        for name, value in known.items() if isinstance(known, Mapping) else ():
            yield from _iterate_below(inner, value, (*place, name))


def _find_parts(kind: Any) -> tuple[Sequence[type[BaseModel]], Sequence[Any]]:
    """Return the sections in a type, such as `Growth | None`, and what its maps from names to something hold."""
    if type(kind) is type:  # a text, a number
        return [], []
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind], []
    if get_origin(kind) is dict:
        return [], [get_args(kind)[1]]
    if get_origin(kind) is tuple:
        return [], []
    parts = [_find_parts(each) for each in get_args(kind)]
    return [one for sections, _ in parts for one in sections], [one for _, maps in parts for one in maps]
