"""Lists the files of a repository that tell something of its images, within bounds, and reads Python among them."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path, PurePosixPath

from weighbridge import files
from weighbridge.settings.initial.code import Module, read_module

_MOST_FILES, _MOST_FOLDERS, _DEEPEST = 100_000, 2000, 8
_MOST_MODULES, _LONGEST_MODULE = 5000, 2**20
_PASSED_OVER = {"node_modules", "__pycache__", "site-packages", "tests", "test", "docs", "examples", "dist", "build"}
_DOCKERFILE = re.compile(r"(?:.+\.)?(?:Dockerfile|Containerfile)(?:\..+)?", re.IGNORECASE)
_COMPOSE = re.compile(r".*compose.*\.ya?ml")


def list_files(folder: Path) -> tuple[str, ...]:
    """Return the files below a folder, the nearest first and sorted, by their paths from there.

    Folders of tests, of other people's packages and hidden ones are passed over.
    """
    places = files.walk(folder, passed_over=_PASSED_OVER, deepest=_DEEPEST, most_folders=_MOST_FOLDERS)
    # No other name can stand in a text, or is worth naming in settings.
    return tuple(islice(filter(str.isprintable, places), _MOST_FILES))


def is_dockerfile(place: str) -> bool:
    """Tell whether a file is called as Dockerfiles are."""
    name = PurePosixPath(place).name
    return bool(_DOCKERFILE.fullmatch(name)) and not name.endswith(".dockerignore")


def is_compose_file(place: str) -> bool:
    """Tell whether a file is called as compose files are."""
    return bool(_COMPOSE.fullmatch(PurePosixPath(place).name))


def read_modules(folder: Path, places: tuple[str, ...]) -> dict[str, Module]:
    """Return path -> what the Python module there has; of those that cannot be read, nothing is known."""
    found = dict[str, Module]()
    for place in [each for each in places if each.endswith(".py")][:_MOST_MODULES]:
        try:
            module = read_module(files.read(folder / place, _LONGEST_MODULE))
        except OSError:
            continue
        if module:
            found[place] = module
    return found
