"""The shape of the code: doors, sizes, docstrings, and what the image carries. Import contracts: `invoke check`."""

from __future__ import annotations

import ast
import fnmatch
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
MODULES = sorted(
    path for folder in ("weighbridge", "backend", "benchmarks") for path in (PROJECT / folder).rglob("*.py")
)
OURS = [path for path in MODULES if "backend" not in path.relative_to(PROJECT).parts]


def name_of(path: Path) -> str:
    """Return a file's dotted name."""
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Return the dotted names that a file imports anywhere in it, `from a import b` both as `a` and as `a.b`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize(
    ("library", "door"), [("docker", "weighbridge.engine.client"), ("rich", "weighbridge.render.terminal.console")]
)
def test_one_door_per_library(library: str, door: str) -> None:
    """Each foreign library that meets the world is imported by one module, and by no task."""
    users = {name_of(path) for path in OURS if any(name.split(".")[0] == library for name in imports(path))}
    assert users == {door}
    assert library not in {name.split(".")[0] for name in imports(PROJECT / "tasks.py")}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module(path: Path) -> None:
    """A module says its job in its first line, is named for it, and is short."""
    text = path.read_text(encoding="utf-8")
    first = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    assert len(first) > 10
    assert first.endswith(".")
    assert path.stem not in {"utils", "util", "helpers", "common", "misc", "manager", "base"}
    assert len(text.splitlines()) <= 300


def carried_by(name: str) -> set[str]:
    """Return the files of this project that running a module imports, packages on the way included."""
    files, waiting = set[str](), {name}
    while waiting:
        name = waiting.pop()
        parts = name.split(".")
        for stem in ("/".join(parts[:count]) for count in range(1, len(parts) + 1)):
            for file in (f"{stem}.py", f"{stem}/__init__.py"):
                if (PROJECT / file).is_file() and file not in files:
                    files.add(file)
                    waiting |= imports(PROJECT / file)
    return files


def allowed() -> list[str]:
    """Return the patterns of the allow-list."""
    lines = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("!") for line in lines if line.startswith("!")]


ENTRIES = ("backend.main", "backend.worker", "backend.health")


@pytest.mark.parametrize("entry", ENTRIES)
def test_image_carries_all_that_it_imports(entry: str) -> None:
    """Every file of ours that the application imports is let through by .dockerignore."""
    files = carried_by(entry)
    assert f"{entry.replace('.', '/')}.py" in files
    assert not {file for file in files if not any(fnmatch.fnmatch(file, pattern) for pattern in allowed())}


def test_image_carries_nothing_that_it_does_not_import() -> None:
    """Of the measuring library, .dockerignore lets through what the application imports and nothing else."""
    needed = set().union(*map(carried_by, ENTRIES))
    assert {pattern for pattern in allowed() if pattern.startswith("weighbridge/")} == {
        file for file in needed if file.startswith("weighbridge/")
    }
