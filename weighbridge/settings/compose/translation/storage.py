"""Translates volumes, tmpfs, bind mounts, secrets and configs into writable folders and read-only copies."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weighbridge import files
from weighbridge.model.recipe import Recipe
from weighbridge.model.services import find_kind
from weighbridge.quoting import quote
from weighbridge.settings.compose.project import ComposeBuild, ComposeFile, ComposeService, ComposeVolume
from weighbridge.settings.compose.translation.builds import shorten_path
from weighbridge.settings.compose.translation.noting import Noting
from weighbridge.settings.compose.translation.process import is_folder
from weighbridge.settings.compose.translation.scripts import list_sources

_SIZE = "512 MB"
"""Of a folder of a service that nobody knows."""
_ALWAYS = "/tmp"  # noqa: S108 - in the container
"""What each role may write to without being asked."""
_SOCKETS = {"/var/run/docker.sock", "/run/docker.sock"}
_SKIPPED = {".git", ".venv", "venv", "node_modules", "__pycache__"}
_MOST_ENTRIES = 10_000
"""How many entries of a folder are looked at for Python source."""


@dataclass(slots=True)
class Storage:
    """What a container finds besides its image."""

    writable: dict[str, str] = field(default_factory=dict)
    """Folder -> the volume's name, or empty; for a service, its size."""
    mounts: dict[str, Any] = field(default_factory=dict)


def store_for_role(
    service: ComposeService, build: ComposeBuild | None, recipe: Recipe, folder: Path, noting: Noting
) -> Storage:
    """Return what a role or a one-off command may write to, and what it finds.

    Args:
        service: The service.
        build: What its image is built from; None: it is ready-made.
        recipe: What the Dockerfile says.
        folder: The project's folder.
        noting: Where to note what is dropped.
    """
    found, dropped = Storage(), list[str]()
    binds = [each for each in service.volumes if each.kind == "bind"]
    for volume in binds:
        if build and _covers_code(volume, Path(build.context), recipe):
            noting.drop(f"the mount over its code at {volume.target} is dropped, for the image has the code", "mounts")
            dropped.append(volume.target)
        else:
            _mount(volume, found, folder, noting)
            if not volume.read_only and volume.target in found.mounts and files.is_folder(Path(volume.source or "")):
                noting.drop(f"{volume.target} is a read-only copy of the folder here", "writable")
    for volume in service.volumes:
        if volume.kind == "bind":
            continue
        if volume.kind == "volume" and not volume.source and _is_below(volume.target, dropped):
            noting.drop(f"the volume at {volume.target} is dropped with the mount around it", "writable")
        elif not is_folder(volume.target):
            _refuse(volume.target, "writable", noting)
        elif not volume.read_only:
            found.writable[volume.target] = _to_name(volume.source or "")
        elif volume.source:
            noting.drop(f"the volume {volume.source} is only read at {volume.target} and is left out", "writable")
    found.writable |= dict.fromkeys((each.target for each in service.tmpfs if is_folder(each.target)), "")
    found.writable.pop(_ALWAYS, None)
    _mount_files(service, found, folder, noting)
    return found


def store_for_service(service: ComposeService, folder: Path, noting: Noting) -> Storage:
    """Return the folders of a service with their sizes, without those that are known of its kind, and what it finds."""
    found, known = Storage(), [*find_kind(service.image or "").folders]
    for volume in service.volumes:
        is_known = _is_below(volume.target, known)
        if volume.kind == "bind" and is_known and not volume.read_only:
            noting.drop(f"its data at {volume.target} is dropped: each run begins with none", "mounts")
        elif volume.kind == "bind":
            _mount(volume, found, folder, noting)
        elif not is_folder(volume.target):
            _refuse(volume.target, "writable", noting)
        elif not is_known:
            found.writable[volume.target] = _size(volume.size_bytes)
    for tmpfs in service.tmpfs:
        if is_folder(tmpfs.target) and not _is_below(tmpfs.target, known):
            found.writable[tmpfs.target] = _size(tmpfs.size_bytes)
    _mount_files(service, found, folder, noting)
    return found


def list_writable(storage: Storage) -> list[str]:
    """Return a role's writable folders as the settings write them."""
    return [f"{name}:{target}" if name else target for target, name in storage.writable.items()]


def _refuse(target: str, key: str, noting: Noting) -> None:
    noting.drop(f"the path {quote(target)} has signs that our settings do not take, and is left out", key)


def _to_name(volume: str) -> str:
    """Return a volume's name as our settings take it."""
    return volume.lower().lstrip("_.-") or volume


def _size(size_bytes: int | None) -> str:
    return f"{size_bytes} B" if size_bytes else _SIZE


def _mount(volume: ComposeVolume, found: Storage, folder: Path, noting: Noting) -> None:
    source = volume.source or ""
    if source in _SOCKETS or volume.target in _SOCKETS:
        noting.drop("the engine's socket is left out", "mounts")
    elif not _exists(source):
        noting.drop(f"what is mounted at {volume.target} is not there and is left out", "mounts")
    elif not is_folder(volume.target):
        _refuse(volume.target, "mounts", noting)
    else:
        found.mounts[volume.target] = shorten_path(source, folder)


def _mount_files(service: ComposeService, found: Storage, folder: Path, noting: Noting) -> None:
    for each in (*service.secrets, *service.configs):
        if not is_folder(each.target):
            _refuse(each.target, "mounts", noting)
        elif content := _read_content(each):
            found.mounts[each.target] = content
        elif each.path and _exists(str(each.path)):
            found.mounts[each.target] = shorten_path(str(each.path), folder)
        else:
            noting.drop(f"the file of {each.name} is not there and is left out", "mounts")


def _read_content(file: ComposeFile) -> dict[str, str] | None:
    return None if file.content is None else {"content": file.content}


def _covers_code(volume: ComposeVolume, context: Path, recipe: Recipe) -> bool:
    """Tell whether a bind mount puts the code here over that in the image."""
    source = Path(os.path.normpath(volume.source or ""))
    if not files.is_folder(source):
        return False
    if context.is_relative_to(source):
        return True
    if source.is_relative_to(context) and _has_python(source):
        return True
    places = {
        place for copied in recipe.copies for path, place in list_sources(copied, context) if files.is_folder(path)
    }
    return volume.target in places


def _has_python(folder: Path) -> bool:
    seen = 0
    for _, folders, names in os.walk(folder):
        folders[:] = sorted({*folders} - _SKIPPED)
        seen += len(folders) + len(names)
        if any(name.endswith(".py") for name in names):
            return True
        if seen > _MOST_ENTRIES:
            return False
    return False


def _is_below(target: str, folders: list[str]) -> bool:
    return any(target == each or target.startswith(f"{each.rstrip('/')}/") for each in folders)


def _exists(path: str) -> bool:
    try:
        return bool(path) and Path(path).exists()
    except (OSError, ValueError):
        return False
