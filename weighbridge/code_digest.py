"""Computes a digest of modules and all that they import: what code has found stays valid until the code changes."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

_ROOT = Path(__file__).parent
_IMPORT = re.compile(rf"^[ \t]*from ({_ROOT.name}[\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)
_NAME = re.compile(r"(\w+)(?:\s+as\s+\w+)?")


def compute_digest(*modules: ModuleType | str) -> str:
    """Return a digest of modules of this package, and of its modules that they import, at any depth.

    A module may be given by its name, so that it need not be loaded.

    If a module imports a whole package by name, all modules of that package count, because it may read their text, as
    the smoke test reads its scripts.
    """
    return _compute_digest(*sorted(each if isinstance(each, str) else each.__name__ for each in modules))


def describe_files(names: Iterable[str]) -> dict[str, list[int]]:
    """Return what changes whenever a file or folder of this package does: to compare it takes no reading.

    Args:
        names: Paths relative to the package's folder.

    Raises:
        OSError: One of them does not exist.
    """
    found = ((name, os.stat(_ROOT / name)) for name in names)  # noqa: PTH116 - of many, in no time
    return {name: [each.st_ino, each.st_size, each.st_mtime_ns, each.st_ctime_ns] for name, each in found}


@cache
def _compute_digest(*names: str) -> str:
    files = sorted(collect_files(*names))
    texts = (f"{file}\0".encode() + (_ROOT / file).read_bytes() for file in files)
    return hashlib.sha256(b"\0".join(hashlib.sha256(text).digest() for text in texts)).hexdigest()


def collect_files(*names: str) -> frozenset[str]:
    """Return the files of these modules and of all that they import, as paths relative to the package's folder."""
    found, waiting = set[str](), set(names)
    while waiting:
        for file in _iterate_files(waiting.pop()):
            if file not in found:
                found.add(file)
                waiting |= set(_iterate_imports((_ROOT / file).read_text(encoding="utf-8")))
    return frozenset(found)


def _iterate_files(name: str) -> Iterator[str]:
    """Yield the files that importing a module runs: its own, and `__init__.py` of each package above it."""
    parts = name.split(".")[1:]
    above = ["/".join(parts[:count]) for count in range(len(parts))]
    yield from (f"{folder}/__init__.py".lstrip("/") for folder in above)
    own = "/".join(parts)
    if (_ROOT / own).is_dir():
        yield from (path.relative_to(_ROOT).as_posix() for path in (_ROOT / own).rglob("*.py"))
    elif (_ROOT / f"{own}.py").is_file():
        yield f"{own}.py"


def _iterate_imports(text: str) -> Iterator[str]:
    """Yield the modules of this package that a module's text imports, anywhere in it."""
    for package, names in _IMPORT.findall(text):
        folder = _ROOT.joinpath(*package.split(".")[1:])
        if folder.with_suffix(".py").is_file() and not folder.is_dir():
            yield package
            continue
        for name in _NAME.findall(names.partition("#")[0] if "(" not in names else names):
            is_module = (folder / name).is_dir() or (folder / f"{name}.py").is_file()
            yield f"{package}.{name}" if is_module else f"{package}.__init__"
