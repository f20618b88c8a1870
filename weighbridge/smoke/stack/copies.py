"""Copies the files that containers are given, so that nothing in a container reaches the project's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from weighbridge.errors import SettingsError
from weighbridge.settings.containers import FileText, Mounts
from weighbridge.settings.project import Settings

_MOST_BYTES = 100 * 10**6
_SECRETS = "/run/secrets/"
_LONGEST_SECRET = 10_000
_FOLDER_MODE, _READABLE, _EXECUTABLE = 0o755, 0o444, 0o111


def is_needed(settings: Settings) -> bool:
    """Tell whether any container is given files."""
    return any(mounts for _, _, mounts in _iterate(settings))


def make(settings: Settings, project: Path, folder: Path) -> Mapping[tuple[str, str], str]:
    """Copy what the settings mount into containers; return name of a container and path in it -> path of the copy.

    Any user of a container can read the copies, whoever owns the originals. Other users of this machine cannot, because
    the folder that they are in is the user's own.

    Args:
        settings: The settings.
        project: The project's folder, from which paths start.
        folder: An empty folder for the copies, which containers can be given.

    Raises:
        SettingsError: Something cannot be read, is neither a file nor a folder, or is too large.
    """
    found = dict[tuple[str, str], str]()
    for place, owner, mounts in _iterate(settings):
        for path, source in mounts.items():
            target = folder / str(len(found))
            found[owner, path] = str(target)
            if isinstance(source, FileText):
                target.write_text(source.content, encoding="utf-8")
                target.chmod(_READABLE)
            else:
                _copy(project / source, target, f"{place}.mounts: {source}")
    return found


def read_secrets(copies: Mapping[tuple[str, str], str]) -> frozenset[str]:
    """Return the texts of the copies that are secrets by their place, as Compose has it: below /run/secrets."""
    found = set[str]()
    for (_, path), source in copies.items():
        if path.startswith(_SECRETS) and Path(source).is_file():
            text = Path(source).read_bytes()[:_LONGEST_SECRET].decode("utf-8", "replace").strip()
            found |= {text, *text.splitlines()} - {""}
    return frozenset(found)


def _iterate(settings: Settings) -> Iterator[tuple[str, str, Mounts]]:
    """Yield the place in the settings, the container and the mounts of each."""
    for name, role in settings.roles.items():
        yield f"roles.{name}", name, role.mounts
    for name, each in settings.smoke.before.items():
        from_role = settings.find_role_for(each)
        inherited = settings.roles[from_role].mounts if from_role else {}
        yield f"smoke.before.{name}", name, {**inherited, **each.mounts}
    for name, service in settings.services.items():
        yield f"smoke.services.{name}", name, service.mounts


def _copy(source: Path, target: Path, words: str) -> None:
    try:
        if not source.is_dir() and not source.is_file():
            what = "is neither a file nor a folder" if source.exists() else "does not exist"
            raise SettingsError(f"{words} {what}", advice="Correct the path, which starts from the project's folder.")
        size = sum(path.lstat().st_size for path in ([source] if source.is_file() else source.rglob("*")))
        if size > _MOST_BYTES:
            raise SettingsError(
                f"{words} holds {size} bytes, and at most {_MOST_BYTES} are copied", advice="Mount less of it."
            )
        if source.is_file():
            shutil.copyfile(source, target)
        else:
            shutil.copytree(source, target, symlinks=True, ignore=_find_special)
        _let_read(target)
    except OSError as error:
        raise SettingsError(
            f"{words} cannot be copied: {error.strerror}", advice="Make it readable, or mount something else."
        ) from error


def _find_special(folder: str, names: list[str]) -> list[str]:
    """Return what is no file, folder or link, such as a socket: nobody could copy it."""
    paths = {name: Path(folder, name) for name in names}
    return [name for name, path in paths.items() if not (path.is_symlink() or path.is_file() or path.is_dir())]


def _let_read(target: Path) -> None:
    for each in (target, *(target.rglob("*") if target.is_dir() else ())):
        if each.is_symlink():
            continue
        executable = each.stat().st_mode & _EXECUTABLE
        each.chmod(_FOLDER_MODE if each.is_dir() else _READABLE | (_EXECUTABLE if executable else 0))
