"""What a project asks of its images: its files that name packages, and the commands of its roles.

What a file asks for is kept in the user's cache, since most files are the same in the next report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weighbridge import files
from weighbridge.cache import Cache
from weighbridge.image import requirements
from weighbridge.image.requirements import Demand, Requirements

if TYPE_CHECKING:
    from weighbridge.settings.project import Settings

_MOST_FILES, _MOST_FOLDERS, _DEEPEST = 100, 1000, 3
"""How many files and folders of a project are looked at, and how many folders deep."""
_OTHERS = frozenset({"node_modules", "site-packages", "dist-packages", "__pycache__"})
"""Folders of what was installed or made. So are a virtual environment, and what a name with a dot hides."""


def find_demands(
    settings: Settings, project: Path, names: Iterable[str], *, cache: Cache | None = None
) -> dict[str, Demand]:
    """Return what the project asks of each image, by its name in a report.

    That is what the files in the project's folder and a few folders below name, and for a variant those of its build
    context, too. Files that are damaged or cannot be read ask for nothing. Nothing outside of these folders is read.
    `cache` has what was read before; the user's, if None.
    """
    root = project.resolve()
    reader = _Reader(cache or Cache(), root)
    commands = tuple(tuple(role.command) for role in settings.roles.values() if role.command)
    known = dict[Path, tuple[Requirements, ...]]()
    demands = dict[str, Demand]()
    for name in names:
        folders = {root: None}
        if name in settings.variants:
            folders[(project / settings.variants[name].context).resolve()] = None
        for folder in folders.keys() - known.keys():
            known[folder] = tuple(islice(_read(folder, root, reader), _MOST_FILES))
        found = chain.from_iterable(known[folder] for folder in folders)
        demands[name] = Demand(requirements=tuple(found), commands=commands)
    reader.keep()
    return demands


class _Reader:
    """Parses the files of a project that are new or have changed, and remembers the others."""

    def __init__(self, cache: Cache, root: Path) -> None:
        self._cache = cache
        code = cache.compute_code_digest("weighbridge.image.requirements", __name__)
        self._key = f"requirements-{_digest(code, bytes(root))}"
        self._kept: Mapping[str, Any] = cache.read_document(self._key) or {}
        self._used = dict[str, Any]()

    def read(self, path: str, content: bytes) -> Requirements | None:
        """Return what a file asks for, as `requirements.read` does."""
        key = _digest(path, content)
        found = _build(self._kept.get(key), path) or requirements.read(path, content)
        if found:
            self._used[key] = [found.kind, {name: sorted(found.names[name]) for name in found.names}, found.includes]
        return found

    def keep(self) -> None:
        """Keep what was read, unless all of it was known."""
        if not self._used.keys() <= self._kept.keys():
            self._cache.keep_document(self._key, self._used)


def _digest(name: str, content: bytes) -> str:
    return sha256(name.encode(errors="surrogateescape") + b"\0" + content).hexdigest()


def _build(kept: Any, path: str) -> Requirements | None:
    try:
        kind, names, includes = kept
        named = {name: frozenset(extras) for name, extras in names.items()}
        return Requirements(path=path, kind=kind, names=named, includes=tuple(includes))
    except (TypeError, ValueError, AttributeError):  # not kept, or somebody changed the cache
        return None


def _read(folder: Path, root: Path, reader: _Reader) -> Iterator[Requirements]:
    """Yield what the files of a folder ask for, and those that they include from there or from below the root."""
    waiting = [
        folder / place
        for place in files.walk(folder, passed_over=_OTHERS, deepest=_DEEPEST, most_folders=_MOST_FOLDERS)
        if requirements.is_source(place)
    ]
    seen = set[Path]()
    while waiting:
        path = waiting.pop(0)
        try:
            real = path.resolve()
            inside = real.is_relative_to(folder) or real.is_relative_to(root)
            if real in seen or not inside or not real.is_file():
                continue
            seen.add(real)
            with real.open("rb") as file:
                content = file.read(requirements.LONGEST_BYTES + 1)
        except (OSError, RuntimeError, ValueError):  # a circle of links, or a name that no system takes
            continue
        found = reader.read(str(real), content)
        if found:
            yield found
            waiting += map(Path, found.includes)
