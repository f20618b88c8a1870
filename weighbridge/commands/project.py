"""Opens the project that a user means: its folder and its settings, from a file, from variables and from Invoke.

Later ones win: what a client's collection and the user's own files of Invoke configure, the project's file, the file of
`--config`, environment variables.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from invoke.config import Config
from invoke.context import Context

from weighbridge.errors import SettingsError
from weighbridge.quoting import escape
from weighbridge.settings import source, variables
from weighbridge.settings.messages import Origin
from weighbridge.settings.project import Settings, check

if TYPE_CHECKING:
    from weighbridge.commands import stack_files

Values = dict[str, Any]
_OWN = frozenset(Config.global_defaults())
"""The keys at the top of invoke.yaml that are Invoke's."""
_USUAL: Mapping[str, Any] = {"roles": {"api": {}, "worker": {}}}
"""What a variable can set although no file names it."""
_LEVELS = "_collection", "_system", "_user"
"""Where Invoke keeps what is configured below the project's file. It has no public way to ask for one of them."""
_MOVE = f"put the settings under the key `{source.KEY}`; at the top they are read until version 0.3."
_WRITE = (
    "Write weighbridge.yaml, [tool.weighbridge] in pyproject.toml, or the key `weighbridge` in invoke.yaml, there or "
    "in a folder above."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project whose images are built, weighed or proven."""

    root: Path
    """The folder of the settings file, or the working directory if there is none."""
    settings: Settings
    has_file: bool
    advice: tuple[str, ...] = ()
    """What the user has to change before the next version."""
    notes: tuple[str, ...] = ()
    """What was guessed or left out of compose files: a sentence for each."""


Use = Literal["none", "images", "all"]
"""What a command has of the stack that compose files describe: nothing, the images that are built, or all of it."""


def open_project(c: Context, root: str = "", *, needs_file: bool = False, use: Use = "none") -> Project:
    """Return the project that a task is called for; without a settings file, one that records nothing.

    Args:
        c: The task's context.
        root: The folder of the settings file; empty: the nearest one, from the working directory upwards.
        needs_file: Whether the task makes no sense without one, or without compose files in its place.
        use: What the task has of the stack that compose files describe, if the settings do not.

    Raises:
        SettingsError: The settings cannot be read, do not fit each other or make no sense; or there is no file.
    """
    found = find_file(c.config, root)
    levels = [*_read_configured(c.config), found.values if found else {}, *_read_second(c.config)]
    values = merge({}, *levels)
    folder = found.root if found else choose_start(c.config, root)
    described, untold = _describe_stack(values, folder, use)
    has_file = bool(found or values or described)
    if needs_file and not has_file:
        raise SettingsError(f"There is no settings file for {escape(str(choose_start(c.config, root)))}", advice=_WRITE)
    known = merge(_USUAL, described.values if described else {}, values)
    taken, advice = read_variables(c.config, known, found)
    if found and found.is_old:
        advice = (f"{found.path.name}: {_MOVE}", *advice)
    second = getattr(c.config, "_runtime_path", None) or ""
    origin = Origin(file=found.path.name if found else "", second_file=escape(str(second)), variables=taken.names)
    # Whoever has no file did not ask for records; a variable or a collection may still ask.
    unasked = {} if has_file else {"reports": {"directory": None}}
    settings = check(merge(unasked, described.values if described else {}, values, taken.values), origin)
    if use == "all":
        settings = _read_env_files(settings, folder)
    notes = described.notes if described else ()
    return Project(root=folder, settings=settings, has_file=has_file, advice=(*advice, *untold), notes=notes)


def _read_env_files(settings: Settings, folder: Path) -> Settings:
    from weighbridge.commands import stack_files  # noqa: PLC0415 - only for those who have such files

    return stack_files.read_env_files(settings, folder)


def _describe_stack(values: Values, folder: Path, use: Use) -> tuple[stack_files.Described | None, tuple[str, ...]]:
    """Return what compose files say, and advice where they are wrong and the command does not depend on them."""
    # What only changes what compose files say makes no sense without them, whatever the command has of them.
    completed = _refers_to_files(values)
    if not completed and (use == "none" or (use == "images" and values.get("variants"))):
        return None, ()
    from weighbridge.commands import stack_files  # noqa: PLC0415 - only for those who have such files

    try:
        return stack_files.describe(values, folder), ()
    except SettingsError as error:
        if use == "all" or completed:
            raise
        return None, (str(error),)


def _refers_to_files(values: Values) -> bool:
    """Tell whether settings change what compose files describe, so that they make no sense without these."""
    smoke = values.get("smoke")
    changes = values.get("roles") or (values.get("budgets") and not values.get("variants"))
    return isinstance(smoke, Mapping) and bool(smoke.get("compose")) and bool(changes)


def is_program(config: Config) -> bool:
    """Tell whether this is the program `weighbridge`, not Invoke with our collection."""
    return bool(config.prefix == source.KEY)


def choose_start(config: Config, root: str) -> Path:
    """Return the folder to search from: what `--root` names, else the working directory.

    Under Invoke it is that of the client's tasks if the working directory is not in it: `--search-root` may have named
    it from anywhere.
    """
    if root:
        return Path(root).expanduser()
    try:
        here, tasks = Path.cwd(), getattr(config, "_project_prefix", None)
    except FileNotFoundError as error:
        raise SettingsError("The working directory no longer exists", advice="Change to one that does.") from error
    return here if not tasks or here.is_relative_to(Path(tasks).resolve()) else Path(tasks).resolve()


def find_file(config: Config, root: str) -> source.SettingsFile | None:
    """Return the file that holds the project's settings; None if there is none.

    Raises:
        SettingsError: It cannot be read, or there are two.
    """
    found = source.find(choose_start(config, root), _OWN, upwards=not root)
    module = getattr(config, "_project_path", None)
    if not found and not root and module:  # invoke.py, which Invoke has run
        path = Path(module).resolve()
        section = source.read_section(_unwrap(getattr(config, "_project", {})), path.name)
        return None if section is None else source.SettingsFile(path=path, values=section)
    return found


def _read_configured(config: Config) -> Iterable[Mapping[str, Any]]:
    for level in _LEVELS:
        name = getattr(config, f"{level}_path", None) or "The configuration of the collection"
        yield source.read_section(_unwrap(getattr(config, level, None) or {}), str(name)) or {}


def _read_second(config: Config) -> Iterable[Mapping[str, Any]]:
    """Yield the settings in the file of `--config`: under our key, or at its top, as they stand in weighbridge.yaml."""
    data = _unwrap(getattr(config, "_runtime", None) or {})
    section = source.read_section(data, escape(str(getattr(config, "_runtime_path", ""))))
    if section is not None:
        yield section
    elif is_program(config):
        yield data
    else:  # other keys may be the client's
        yield {key: value for key, value in data.items() if key in Settings.model_fields}


def read_variables(
    config: Config, values: Values, found: source.SettingsFile | None
) -> tuple[variables.Variables, tuple[str, ...]]:
    """Return what variables set over settings, and advice where one is called as it was up to version 0.1."""
    if is_program(config):
        return variables.read(os.environ, variables.PROGRAM, Settings, values), ()
    now = variables.read(os.environ, variables.INVOKE, Settings, values)
    theirs = set() if found and found.is_old else {*getattr(config, "_project", {})} - {source.KEY}
    old = variables.read_old(os.environ, Settings, values, theirs)
    advice = [
        f"{name}: call it {variables.rename(name)}; the old name is read until version 0.3."
        for path, name in old.names.items()
        if path not in now.names
    ]
    merged = variables.Variables(values=merge({}, old.values, now.values), names={**old.names, **now.names})
    return merged, tuple(advice)


def merge(*levels: Mapping[str, Any]) -> Values:
    """Return all levels in one; a later value replaces an earlier one, and sections are merged."""
    merged = Values()
    for level in levels:
        for key, value in level.items():
            here = merged.get(key)
            both = isinstance(here, Mapping) and isinstance(value, Mapping)
            merged[key] = merge(here or {}, value) if both else value
    return merged


def _unwrap(value: Any) -> Any:
    """Turn Invoke's mappings, at any depth, into dicts."""
    return {key: _unwrap(each) for key, each in value.items()} if hasattr(value, "items") else value
