"""What a project asks of its images: its files that name packages, and the commands of its roles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from weighbridge.image.dependencies import Demand
from weighbridge.image.packages import requirements
from weighbridge.image.packages.requirements import Requirements
from weighbridge.settings.project import Settings

_MOST_FILES = 100
_PATTERNS = ("requirements*.txt", "requirements/*.txt", "pyproject.toml", "setup.cfg", "Pipfile", "package.json")


def find_demands(settings: Settings, project: Path, names: Iterable[str]) -> dict[str, Demand]:
    """Return what the project asks of each image, by its name in a report.

    That is what the files in the project's folder name, and for a variant those in its build context, too. Files that
    are damaged or cannot be read ask for nothing, and nothing outside of these folders is read.
    """
    root = project.resolve()
    roles = (settings.roles.api.command, settings.roles.worker.command)
    commands = tuple(tuple(command) for command in roles if command)
    known = dict[Path, tuple[Requirements, ...]]()
    demands = dict[str, Demand]()
    for name in names:
        folders = {root: None}
        if name in settings.variants:
            folders[(project / settings.variants[name].context).resolve()] = None
        for folder in folders:
            known.setdefault(folder, tuple(islice(_read(folder, root), _MOST_FILES)))
        found = chain.from_iterable(known[folder] for folder in folders)
        demands[name] = Demand(requirements=tuple(found), commands=commands)
    return demands


def _read(folder: Path, root: Path) -> Iterator[Requirements]:
    """Yield what the files of a folder ask for, and those that they include from there or from below the root."""
    waiting = [path for pattern in _PATTERNS for path in _sorted(folder, pattern)]
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
        found = requirements.read(str(real), content)
        if found:
            yield found
            waiting += map(Path, found.includes)


def _sorted(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []
