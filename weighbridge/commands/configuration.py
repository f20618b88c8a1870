"""Checks what Invoke merges into its configuration after it has loaded tasks.py: it would show faults as tracebacks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from invoke.collection import Collection
from invoke.config import AmbiguousMergeError, Config
from invoke.exceptions import AmbiguousEnvVar, ParseError, UncastableEnvVar
from invoke.main import program
from invoke.parser import Parser

from weighbridge.commands.second_file import OPTION, VARIABLE, SecondFile, read_second_file
from weighbridge.errors import SettingsError
from weighbridge.quoting import quote
from weighbridge.settings.yaml_syntax import check_syntax

_OWN = "invoke.yaml"


def check_configuration(project: Path, tasks: ModuleType | None = None) -> None:
    """Check the sources of settings that Invoke merges after it has loaded tasks.py, and show errors as one line.

    Args:
        project: The folder of invoke.yaml.
        tasks: The module with the tasks, whose options are read to find `--config`; None: only the variable counts.

    Raises:
        SettingsError: invoke.yaml or the second file cannot be read, they do not fit each other, or a variable does not
            fit its setting.
    """
    own = check_syntax(project / _OWN)
    second = _find_second_file(tasks)
    more = read_second_file(second) if second else {}
    config = Config(lazy=True, project_location=project)
    config.load_system(merge=False)
    config.load_user(merge=False)
    _load_project(config, project, own)
    _check_keys(config)
    try:
        config.load_shell_env()
    except (ValueError, AmbiguousEnvVar, UncastableEnvVar) as error:
        names = ", ".join(name for name in os.environ if name.startswith("INVOKE_"))
        raise SettingsError(
            f"A variable does not fit its setting: {quote(error)}", advice=f"Correct {names}."
        ) from error
    if second:
        _load_second_file(config, second, own, more)
        _check_keys(config)


def _load_project(config: Config, project: Path, own: Mapping[str, Any]) -> None:
    """Merge invoke.yaml, of which `own` is the content, or else the file of another kind that Invoke reads."""
    try:
        if own:  # above what is merged later, which changes nothing for a check, and saves parsing it once more
            (project / _OWN).read_text(encoding="locale")
            config.load_overrides(dict(own))
        else:
            config.load_project()
    except AmbiguousMergeError as error:
        if not [*_find_clashes(Config.global_defaults(), own)]:
            message = "invoke.yaml does not fit ~/.invoke.yaml or /etc/invoke.yaml: a key is a section in one file only"
            raise SettingsError(message, advice="Correct that file, which Invoke reads, too.") from error
        names = ", ".join(Config.global_defaults())
        raise SettingsError(f"invoke.yaml: a section of Invoke's own ({names}) has the wrong type") from error
    except UnicodeDecodeError as error:  # Invoke reads it in the locale's encoding
        raise _describe_encoding(_OWN, error) from error


def _find_second_file(tasks: ModuleType | None) -> SecondFile | None:
    named, source = _find_option(tasks) if tasks else None, OPTION
    if named is None:
        named, source = os.environ.get(VARIABLE), VARIABLE
    return SecondFile(path=Path(os.path.expanduser(named)), named_by=source) if named else None  # noqa: PTH111 - like Invoke


def _find_option(tasks: ModuleType) -> str | None:
    """Return the value of Invoke's option `--config`, before or after the names of tasks; None if it is not given."""
    core = getattr(program, "core", None)
    if core is None:  # this is not Invoke's own program
        return None
    found: str | None = core[0].args.config.value
    if not any(_may_name_file(word) for word in core.unparsed):
        return found
    try:
        contexts = Collection.from_module(tasks).to_contexts()
        later = Parser(initial=program.initial_context, contexts=contexts).parse_argv([*core.unparsed])[0]
    except ParseError:  # Invoke will report it
        return found
    return str(later.args.config.value) if later.args.config.got_value else found


def _may_name_file(word: str) -> bool:
    """Tell whether a word may have the option `--config` in it, or `-f`, which may stand among other letters."""
    return word.startswith("--config") or (word.startswith("-") and not word.startswith("--") and "f" in word)


def _load_second_file(config: Config, second: SecondFile, own: Mapping[str, Any], more: Mapping[str, Any]) -> None:
    advice = f"Correct it in {second.name}."
    config.set_runtime_path(second.path)
    try:
        config.load_runtime()
    except AmbiguousMergeError as error:
        clashes = [*_find_clashes(own, more), *_find_clashes(Config.global_defaults(), more)]
        place = f"{quote(clashes[0])} is a section in one and a single value in the other" if clashes else "a section"
        raise SettingsError(f"{second.name} does not fit the other settings: {place}", advice=advice) from error
    except UnicodeDecodeError as error:
        raise _describe_encoding(second.name, error) from error
    except Exception as error:  # a module may raise anything
        message = f"{second.name} cannot be loaded: {type(error).__name__}: {quote(error)}"
        raise SettingsError(message, advice=advice) from error


def _describe_encoding(name: str, error: UnicodeDecodeError) -> SettingsError:
    return SettingsError(f"{name} is UTF-8, but the locale's encoding is {error.encoding}", advice="Set PYTHONUTF8=1.")


def _find_clashes(one: Mapping[str, Any], other: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Yield the keys that are a section in one mapping and a single value in the other."""
    for key in one.keys() & other.keys():
        here, there = one[key], other[key]
        if isinstance(here, dict) and isinstance(there, dict):
            yield from _find_clashes(here, there, f"{place}{key}.")
        elif isinstance(here, dict) or isinstance(there, dict):
            yield f"{place}{key}"


def _check_keys(config: Config) -> None:
    """Refuse a key that is no text, as a module or the user's own file of Invoke may have it."""
    for place in _find_wrong_keys(config._config):  # noqa: SLF001 - its public methods fail for such keys
        raise SettingsError(f"The settings have a key that is not a text: {quote(place)}", advice="Put it in quotes.")


def _find_wrong_keys(values: Mapping[Any, Any], place: str = "") -> Iterator[str]:
    for key, value in values.items():
        if not isinstance(key, str):
            yield f"{place}{key!r}"
        elif isinstance(value, dict):
            yield from _find_wrong_keys(value, f"{place}{key}.")
