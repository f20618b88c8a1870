"""Finds the file that holds a project's settings: the nearest one, from a folder upwards.

It is `weighbridge.yaml`, the section `[tool.weighbridge]` of `pyproject.toml`, or the key `weighbridge` of
`invoke.yaml`. Other keys of the last two belong to others.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from weighbridge import files
from weighbridge.errors import SettingsError
from weighbridge.quoting import escape, quote
from weighbridge.settings.yaml_syntax import LONGEST, check_syntax

KEY = "weighbridge"
"""The key of the settings in a file that has other keys, too."""
OWN = ("weighbridge.yaml", "weighbridge.yml")
"""The files that hold nothing else."""
_PYPROJECT = "pyproject.toml"
_INVOKE = ("invoke.yaml", "invoke.yml", "invoke.json")
_OLD_MARK: Final = "variants"
"""Every file had this key when the settings stood at the top of invoke.yaml."""
_VARIANT_KEYS = {"accepts", "target", "dockerfile", "context", "arguments"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFile:
    """A file that holds settings."""

    path: Path
    values: Mapping[str, Any]
    is_old: bool = False
    """Whether they stand at the top of invoke.yaml, as they did up to version 0.1."""

    @property
    def root(self) -> Path:
        """The project's folder: all paths of the settings start there."""
        return self.path.parent


def find(start: Path, foreign: Collection[str] = (), *, upwards: bool = True) -> SettingsFile | None:
    """Return the nearest file of settings in a folder or above it, at most up to the folder of the Git repository.

    Args:
        start: The folder.
        foreign: Keys at the top of invoke.yaml that are Invoke's own.
        upwards: Whether the folders above count.

    Raises:
        SettingsError: The folder does not exist, a folder has two such files, or one cannot be read.
    """
    if not files.is_folder(start):
        raise SettingsError(f"{quote(start)} is not a folder", advice="Name the project's folder.")
    start = start.resolve()
    for folder in (start, *start.parents) if upwards else (start,):
        found = [*_read_folder(folder, foreign)]
        if len(found) > 1:
            names = " and ".join(each.path.name for each in found)
            raise SettingsError(
                f"{names} in {quote(folder)} both have settings",
                advice="Keep them in one of the two, and remove the rest.",
            )
        if found:
            return found[0]
        if _exists(folder / ".git"):
            break
    return None


def read_section(values: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return the settings in a file that also has other keys; None if it has none.

    Raises:
        SettingsError: The key holds something else than a section; the error names the file by `name`.
    """
    if KEY not in values:
        return None
    section = values[KEY]
    if section is not None and not isinstance(section, Mapping):
        message = f"{name}: {KEY}: it has to be a section with keys, not {quote(section)}"
        raise SettingsError(message, advice=f"Correct it in {name}.")
    return section or {}


def is_old_form(values: Mapping[str, Any]) -> bool:
    """Tell whether our settings stand at the top of an invoke.yaml: all keys of its `variants` are ours."""
    variants = values.get(_OLD_MARK)
    if KEY in values or not isinstance(variants, Mapping):
        return False
    return all(isinstance(each, Mapping | None) and {*(each or ())} <= _VARIANT_KEYS for each in variants.values())


def _read_folder(folder: Path, foreign: Collection[str]) -> Iterator[SettingsFile]:
    for name in OWN:
        if _exists(path := folder / name):
            yield SettingsFile(path=path, values=check_syntax(path))
    if _exists(path := folder / _PYPROJECT):
        section = _read_pyproject(path)
        if section is not None:
            yield SettingsFile(path=path, values=section)
    for name in _INVOKE:
        if _exists(path := folder / name):
            values = _read_if_ours(path, check_syntax)
            section = read_section(values, name)
            if section is not None:
                yield SettingsFile(path=path, values=section)
            elif is_old_form(values):
                ours = {key: value for key, value in values.items() if key not in foreign}
                yield SettingsFile(path=path, values=ours, is_old=True)
            return  # Invoke reads the first of them only


def _exists(path: Path) -> bool:
    """Tell whether something has this path; what is in a folder that the user may not enter is not theirs to use."""
    try:
        return path.exists()
    except OSError:
        return False


def _read_pyproject(path: Path) -> Mapping[str, Any] | None:
    tool = _read_if_ours(path, _parse_toml).get("tool")
    return read_section(tool, path.name) if isinstance(tool, Mapping) else None


def _read_if_ours(path: Path, read: Callable[[Path], dict[str, Any]]) -> Mapping[str, Any]:
    """Return what a file holds; nothing if it cannot be parsed and does not mention us, as it is not ours then."""
    try:
        return read(path)
    except SettingsError:
        try:
            text = files.read(path, LONGEST)
        except (OSError, ValueError):
            return {}
        if KEY.encode() in text or f"{_OLD_MARK}:".encode() in text:
            raise
        return {}


def _parse_toml(path: Path) -> dict[str, Any]:
    name = escape(path.name)
    try:
        return tomllib.loads(files.read(path, LONGEST).decode())
    except OSError as error:
        raise SettingsError(
            f"{name} cannot be read: {error.strerror}", advice="Make it a file that you may read."
        ) from error
    except RecursionError as error:
        raise SettingsError(f"{name} is nested too deeply", advice=f"Correct it in {name}.") from error
    except ValueError as error:  # no TOML, no UTF-8, or too long
        raise SettingsError(f"{name} is no TOML: {quote(error)}", advice=f"Correct it in {name}.") from error
