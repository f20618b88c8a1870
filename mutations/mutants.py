"""Runs mutmut on one module, in a copy of the project, and reads what became of each mutant.

mutmut asks a type checker first: what mypy refuses would never be committed, so no test need notice it. The other
mutants meet the tests of the module that run the changed function, and no others.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from weighbridge.errors import WeighbridgeError

COPIED = "weighbridge", "backend", "benchmarks", "mutations", "tests", "tasks.py", "invoke.yaml"
State = Literal["refused", "killed", "survived"]
_STATES: Final[dict[str, State]] = {
    "caught by type check": "refused",
    "killed": "killed",
    "timeout": "killed",  # the change made an endless loop
    "segfault": "killed",
    "suspicious": "survived",
    "survived": "survived",
    "no tests": "survived",
}
_RESULT = re.compile(r"^\s+(?P<name>\S+): (?P<state>.+)$", re.MULTILINE)
_NAME = re.compile(r"\.x_?(?P<path>[^.]+?)__mutmut_\d+$")
_CLASS_MARK = "ǁ"
"""What mutmut puts on either side of a class's name: `xǁFilesystemǁlocate__mutmut_1`."""
_MYPY = """[mypy]
strict = True
warn_unused_ignores = False
warn_return_any = False
explicit_package_bases = True
plugins = pydantic.mypy
cache_dir = ../.mypy_cache
"""
_SETTINGS = """
[tool.mutmut]
source_paths = ["weighbridge", "backend"]
only_mutate = ["{module}"]
also_copy = ["benchmarks", "mutations", "tasks.py", "invoke.yaml"]
pytest_add_cli_args = ["-m", "not engine and not services", "--hypothesis-profile", "mutate", "-p", "no:xdist"]
pytest_add_cli_args_test_selection = ["{tests}"]
type_check_command = ["{python}", "-m", "mypy", "--output=json", "--config-file=../mypy.ini", "{module}"]
use_git_change_detection = false
"""


class MutationFailed(WeighbridgeError):
    """mutmut did not run to its end, which says nothing of the tests."""

    advice = "Run the module's own tests first: they have to pass without any change."


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change to one function, and whether a test noticed it."""

    function: str
    """The function's name, after its class's: `Filesystem.locate`."""
    state: State
    """`refused` by mypy, `killed` by a test, or `survived`."""
    before: str
    """The lines that were changed, without indentation; empty unless it survived."""
    after: str
    """What stood in their place."""


def prepare(project: Path, folder: Path) -> None:
    """Copy what the tests need into an empty folder, so that the user's own files stay as they are."""
    for name in COPIED:
        if (project / name).is_dir():
            shutil.copytree(project / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(project / name, folder / name)
    (folder / "mypy.ini").write_text(_MYPY, encoding="utf-8")


def mutate(project: Path, folder: Path, module: str, tests: str) -> tuple[Mutant, ...]:
    """Return all mutants of a module.

    Args:
        project: The project's folder.
        folder: What `prepare` filled.
        module: The module's path in the project.
        tests: The path of the tests that are to notice.

    Raises:
        MutationFailed: mutmut did not run to its end, for example because a test fails without any change.
    """
    shutil.rmtree(folder / "mutants", ignore_errors=True)
    settings = _SETTINGS.format(module=module, tests=tests, python=sys.executable)
    (folder / "pyproject.toml").write_text((project / "pyproject.toml").read_text("utf-8") + settings, encoding="utf-8")
    said = _run(folder, "run")
    states = {found["name"]: found["state"] for found in _RESULT.finditer(_run(folder, "results", "--all", "true"))}
    unknown = {state for state in states.values() if state not in _STATES}
    if not states or unknown:
        raise MutationFailed(
            f"mutmut did not finish {module}: {', '.join(sorted(unknown)) or 'no mutant'}", detail=said
        )
    return tuple(_describe(folder, name, _STATES[state]) for name, state in states.items())


def _run(folder: Path, *words: str) -> str:
    """Run mutmut and return what it wrote. Examples depend on the test alone, as in CI."""
    environment = {**os.environ, "CI": "true", "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        raise MutationFailed(f"mutmut {words[0]} ended with code {done.returncode}", detail=done.stdout[-4000:])
    return done.stdout


def _describe(folder: Path, name: str, state: State) -> Mutant:
    before, after = _read_change(_run(folder, "show", name)) if state == "survived" else ("", "")
    return Mutant(function=read_function(name), state=state, before=before, after=after)


def read_function(name: str) -> str:
    """Return the function that a mutant's name stands for: `image.layer.xǁLayerǁread__mutmut_3` is `Layer.read`."""
    found = _NAME.search(name)
    return (found["path"] if found else name).strip(_CLASS_MARK).replace(_CLASS_MARK, ".")


def _read_change(diff: str) -> tuple[str, str]:
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    return "\n".join(_strip_marked(lines, "-")), "\n".join(_strip_marked(lines, "+"))


def _strip_marked(lines: list[str], mark: str) -> Iterator[str]:
    yield from (line.removeprefix(mark).strip() for line in lines if line.startswith(mark))
