"""Reads what is mounted into a service: volumes, tmpfs, secrets and configs, in their short and long forms."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from weighbridge.settings.compose.places import Place
from weighbridge.settings.compose.project import ComposeTmpfs, ComposeVolume
from weighbridge.settings.compose.shapes import (
    Handler,
    take_count,
    take_flag,
    take_item,
    take_list,
    take_section,
    take_size,
    take_text,
)

_PLAIN_OPTIONS = {"rw", "z", "Z", "cached", "delegated", "consistent", "nocopy"}
"""Options of a volume that change nothing of what a service finds there."""
_MODE = re.compile("[0-7]{1,5}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A service's use of a secret or a configuration."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder that relative paths of a file start from."""

    path: Path
    home: str = ""
    """What `~` stands for; empty if that is not known."""

    def resolve(self, text: str, place: Place) -> str:
        """Return an absolute path, without looking at the disk."""
        if text == "~" or text.startswith("~/"):
            if not self.home:
                raise place.refuse("it begins with ~, and the variable HOME is not set")
            text = self.home + text[1:]
        return os.path.normpath(self.path / text)


def take_volumes(value: Any, place: Place, folder: Folder) -> dict[str, ComposeVolume]:
    """Return the volumes by their target."""
    found = {}
    for index, each in enumerate(take_list(value, place)):
        read = _read_long if isinstance(each, dict) else _read_short
        volume = read(each, place.item(index), folder)
        if volume:
            found[volume.target] = volume
    return found


def take_tmpfs(value: Any, place: Place) -> dict[str, ComposeTmpfs]:
    """Return the tmpfs of the short form, by their target."""
    found = {}
    for index, each in enumerate([value] if isinstance(value, str) else take_list(value, place)):
        tmpfs = _read_tmpfs(take_text(each, place.item(index)), place.item(index))
        found[tmpfs.target] = tmpfs
    return found


def take_references(value: Any, place: Place, kind: Literal["secrets", "configs"]) -> dict[str, Reference]:
    """Return a service's secrets or configs by the path where it finds them."""
    known: dict[str, Handler] = {"source": take_text, "target": take_text}
    found = {}
    for index, each in enumerate(take_list(value, place)):
        at = place.item(index)
        long = take_item(each, at, known) if isinstance(each, dict) else {"source": take_text(each, at)}
        if "source" not in long:
            raise at.refuse("its source is missing")
        below = "/run/secrets" if kind == "secrets" else "/"
        target = os.path.normpath(Path(below) / long.get("target", long["source"]))
        found[target] = Reference(long["source"], at)
    return found


def _read_short(value: Any, place: Place, folder: Folder) -> ComposeVolume:
    parts = take_text(value, place).split(":")
    if len(parts) > 3 or not all(parts):  # noqa: PLR2004 - source, target, options
        raise place.refuse("it has to be a target, source:target or source:target:options")
    if len(parts) == 1:
        return ComposeVolume(kind="volume", target=_clean(parts[0]))
    options = set(parts[2].split(",") if len(parts) > 2 else ())  # noqa: PLR2004
    if options - _PLAIN_OPTIONS - {"ro"}:
        place.note("has options that are not understood and are left out")
    is_bind = parts[0].startswith((".", "/", "~"))
    return ComposeVolume(
        kind="bind" if is_bind else "volume",
        source=folder.resolve(parts[0], place) if is_bind else parts[0],
        target=_clean(parts[1]),
        read_only="ro" in options,
    )


def _read_long(value: Any, place: Place, folder: Folder) -> ComposeVolume | None:
    volume = take_item(value, place, _LONG)
    kind, source, target = volume.get("type"), volume.get("source") or "", volume.get("target")
    if not kind or not target:
        raise place.refuse("its type or its target is missing")
    if kind not in {"volume", "bind", "tmpfs"}:
        place.leave_out()
        return None
    if kind == "bind" and not source:
        raise place.refuse("its source is missing: a path on the host")
    return ComposeVolume(
        kind=kind,
        source=folder.resolve(source, place) if kind == "bind" else source or None if kind == "volume" else None,
        target=_clean(target),
        read_only=volume.get("read_only", False),
        size_bytes=volume.get("tmpfs", {}).get("size"),
    )


def _clean(target: str) -> str:
    return os.path.normpath(target)


def _read_tmpfs(text: str, place: Place) -> ComposeTmpfs:
    target, _, rest = text.partition(":")
    size = mode = None
    for option in filter(None, rest.split(",")):
        name, _, value = option.partition("=")
        if name == "size" and not value.endswith("%"):
            size = take_size(value, place)
        elif name == "mode" and _MODE.fullmatch(value):
            mode = int(value, 8)
        else:
            place.note("has options that are not understood and are left out")
    return ComposeTmpfs(target=_clean(target), size_bytes=size, mode=mode)


def _ignore(value: Any, _: Place) -> Any:
    return value


def _section_of(handlers: Mapping[str, Handler]) -> Handler:
    return lambda value, place: take_section(value, place, handlers)


_LONG: Mapping[str, Handler] = {
    "type": take_text,
    "source": take_text,
    "target": take_text,
    "read_only": take_flag,
    "consistency": _ignore,
    "bind": _section_of({"create_host_path": _ignore, "selinux": _ignore}),
    "volume": _section_of({"nocopy": take_flag}),
    "tmpfs": _section_of({"size": take_size, "mode": take_count}),
}
"""The long form of a volume; what is ignored changes nothing of what a service finds there."""
