"""Reads one service's section into the form that files are merged in, with its paths resolved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

from weighbridge.settings.compose.mounts import Folder, take_references, take_tmpfs, take_volumes
from weighbridge.settings.compose.places import Place
from weighbridge.settings.compose.ports import take_exposed, take_ports
from weighbridge.settings.compose.project import Condition
from weighbridge.settings.compose.shapes import (
    Handler,
    Whole,
    take_command,
    take_count,
    take_duration,
    take_each,
    take_flag,
    take_item,
    take_section,
    take_text,
    take_texts,
    take_variables,
)

Draft = dict[str, Any]
"""A service in the form for merging: key -> value."""
_REMOTE = re.compile(r"(?:https?|git|ssh)://|git@|github\.com/|docker-image://|oci-layout://|service:")
TEXTS = ("image", "user", "stop_signal", "working_dir", "restart", "container_name", "hostname")
"""Keys whose value is a text that is taken as it is."""
_TESTS = {"NONE", "CMD", "CMD-SHELL"}
_NULL = ("command", "entrypoint")
"""Keys for which null says something: that what earlier files say is removed."""


@dataclass(frozen=True, slots=True)
class EnvFile:
    """An env file that a service names."""

    path: Path
    place: Place
    is_required: bool = True
    is_raw: bool = False


def read_service(value: Any, place: Place, folder: Folder) -> Draft:
    """Return a service, without those that it extends.

    Raises:
        SettingsError: A value is wrong; the error names its key.
    """
    found: Draft = take_section(value, place, _list_handlers(folder), _NULL)
    return found


def _list_handlers(folder: Folder) -> Mapping[str, Handler]:
    return {
        **dict.fromkeys(TEXTS, take_text),
        **dict.fromkeys(("environment", "labels"), take_variables),
        **dict.fromkeys(("command", "entrypoint"), take_command),
        "build": partial(_take_build, folder=folder),
        "configs": partial(take_references, kind="configs"),
        "depends_on": _take_dependencies,
        "deploy": partial(take_section, handlers={"replicas": take_count}),
        "env_file": partial(_take_env_files, folder=folder),
        "expose": take_exposed,
        "extends": _pass_over,
        "healthcheck": partial(take_section, handlers=_HEALTHCHECK),
        "networks": _take_networks,
        "ports": take_ports,
        "profiles": take_texts,
        "read_only": take_flag,
        "scale": take_count,
        "secrets": partial(take_references, kind="secrets"),
        "stop_grace_period": take_duration,
        "tmpfs": take_tmpfs,
        "volumes": partial(take_volumes, folder=folder),
    }


def _pass_over(_: Any, __: Place) -> None:
    """Whoever knows the files reads it."""


def _take_build(value: Any, place: Place, folder: Folder) -> Any:
    handlers: Mapping[str, Handler] = {
        "context": partial(_take_context, folder=folder),
        "dockerfile": take_text,
        "target": take_text,
        "args": take_variables,
    }
    return take_section({"context": value} if isinstance(value, str) else value, place, handlers)


def _take_context(value: Any, place: Place, folder: Folder) -> str:
    text = take_text(value, place)
    return text if _REMOTE.match(text) else folder.resolve(text, place)


def _take_test(value: Any, place: Place) -> Whole:
    if isinstance(value, str):
        return Whole(("CMD-SHELL", value) if value else ())
    test = take_texts(value, place)
    if test and test[0] not in _TESTS:
        raise place.refuse("its first word has to be NONE, CMD or CMD-SHELL")
    return Whole(test)


_HEALTHCHECK: Mapping[str, Handler] = {
    "test": _take_test,
    **dict.fromkeys(("interval", "timeout", "start_period"), take_duration),
    "retries": take_count,
    "disable": take_flag,
}


def _take_dependencies(value: Any, place: Place) -> dict[str, Any]:
    if isinstance(value, list):
        return {name: {"condition": "service_started"} for name in take_texts(value, place)}
    handlers: Mapping[str, Handler] = {"condition": _take_condition, "required": take_flag, "restart": take_flag}
    return take_each(value, place, lambda each, at: take_section({} if each is None else each, at, handlers))


def _take_condition(value: Any, place: Place) -> str:
    if value not in get_args(Condition):
        raise place.refuse(f"it has to be one of {', '.join(get_args(Condition))}")
    return str(value)


def _take_networks(value: Any, place: Place) -> dict[str, Any]:
    if isinstance(value, list):
        return {name: {} for name in take_texts(value, place)}
    return take_each(
        value, place, lambda each, at: take_section({} if each is None else each, at, {"aliases": take_texts})
    )


def _take_env_files(value: Any, place: Place, folder: Folder) -> dict[str, EnvFile]:
    found = {}
    for index, each in enumerate(value if isinstance(value, list) else [value]):
        at = place.item(index) if isinstance(value, list) else place
        long: dict[str, Any] = (
            take_item(each, at, _ENV_FILE) if isinstance(each, dict) else {"path": take_text(each, at)}
        )
        if "path" not in long:
            raise at.refuse("its path is missing")
        if long.get("format", "raw") != "raw":
            raise at.refuse("its format has to be raw, or left out")
        path = folder.resolve(long["path"], at)
        found[path] = EnvFile(Path(path), at, long.get("required", True), "format" in long)
    return found


_ENV_FILE: Mapping[str, Handler] = {"path": take_text, "required": take_flag, "format": take_text}
