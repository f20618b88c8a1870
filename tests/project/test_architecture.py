"""The shape of the code: rooms, doors, sizes, tests, and what the image carries. Import contracts: `invoke check`."""

from __future__ import annotations

import ast
import fnmatch
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
MODULES = sorted(
    path
    for folder in ("weighbridge", "backend", "benchmarks", "mutations")
    for path in (PROJECT / folder).rglob("*.py")
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


DOORS: Mapping[str, tuple[str, ...]] = {
    "cyclonedx": ("weighbridge.render.cyclonedx",),
    "docker": ("weighbridge.engine.client",),
    "fastcrc": ("weighbridge.sources.local.tar_split",),
    "isal": ("weighbridge.cache", "weighbridge.sources.tar.compression", "weighbridge.sources.tar.gzip_worker"),
    "jinja2": ("weighbridge.render.html.compiled", "weighbridge.render.html.report"),
    "msgspec": ("weighbridge.sources.local.tar_split",),
    "packaging": ("weighbridge.image.packages.markers",),
    "packageurl": ("weighbridge.render.cyclonedx",),
    "requests": ("weighbridge.sources.registry.client",),
    "rich": ("weighbridge.render.terminal.console",),
    "squarify": ("weighbridge.render.html.treemap",),
    "xxhash": ("weighbridge.sources.tar.layer",),
    "yaml": ("weighbridge.settings.yaml_syntax",),
}
"""A foreign library -> the modules of ours that import it."""
BROUGHT_BY_DOCKER = "requests"
"""The SDK lets its errors out, so the engine's room may know their names."""


@pytest.mark.parametrize("library", DOORS)
def test_doors_of_libraries(library: str) -> None:
    """Each foreign library is imported by the modules that are its door, and by no task."""
    users = {name_of(path) for path in OURS if library in _libraries(path)}
    if library == BROUGHT_BY_DOCKER:
        users = {name for name in users if not name.startswith("weighbridge.engine.")}
    assert users == set(DOORS[library])
    assert library not in _libraries(PROJECT / "tasks.py")


@cache
def _libraries(path: Path) -> frozenset[str]:
    return frozenset(name.partition(".")[0] for name in imports(path))


MOST_FOLDERS, MOST_FILES = 10, 13
"""What the package has at its top. One more needs a page in docs/decisions/."""
PACKAGE, TESTS = PROJECT / "weighbridge", PROJECT / "tests"
ROOMS = sorted(path.parent for path in PACKAGE.glob("*/**/__init__.py"))


def test_top_of_the_package() -> None:
    """A newcomer sees a handful of rooms and supports, and can keep them in mind."""
    entries = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    folders = sorted(path.name for path in entries if path.is_dir())
    assert len(folders) <= MOST_FOLDERS, folders
    assert len(entries) - len(folders) <= MOST_FILES, sorted(path.name for path in entries)


def test_folders_are_rooms() -> None:
    """No folder of modules lacks its `__init__.py`, which import-linter and mypy need to see it."""
    assert sorted({path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}) == ROOMS


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(PACKAGE)))
def test_room_says_what_it_is_for(room: Path) -> None:
    """Its `__init__.py` says so in its first line, and holds nothing else."""
    tree = ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
    first = (ast.get_docstring(tree) or "").partition("\n")[0]
    assert re.fullmatch(r"[A-Z].{10,}[.]", first)
    assert len(tree.body) == 1


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module(path: Path) -> None:
    """A module says its job in its first line, is named for it, and is short."""
    text = path.read_text(encoding="utf-8")
    first = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    assert len(first) > 10
    assert first.endswith(".")
    assert path.stem not in {"utils", "util", "helpers", "common", "misc", "manager", "base"}
    assert len(text.splitlines()) <= 300


UNMIRRORED: Mapping[str, str] = {
    "__main__": "starts the program: tests/test_program.py",
    "commands/build": "needs an engine: tests/live/test_build.py, tests/live/test_push.py",
    "commands/clean": "needs an engine: tests/live/test_smoke_removal.py",
    "commands/engine": "needs a machine: tests/engine/test_provision.py, tests/live/test_bases.py",
    "commands/missing": "needs an engine's answers: tests/commands/test_weigh.py",
    "commands/questions": "asks on a terminal: tests/commands/test_init.py",
    "commands/rebuild": "needs an engine: tests/live/test_rebuild.py",
    "commands/second_file": "one file more: tests/commands/test_configuration.py, tests/commands/test_project.py",
    "commands/report": "joins rooms: tests/project/test_tasks.py, tests/live/test_report.py",
    "commands/smoke": "needs an engine: tests/live/test_smoke_prove.py",
    "build/instructions": "lines of whole Dockerfiles: tests/build/test_dockerfile.py",
    "commands/surveying": "reads whole repositories: tests/commands/test_init.py, tests/commands/test_init_check.py",
    "commands/version": "what the program prints: tests/test_program.py",
    "smoke/rules/config_secrets": "one of the rules on images: tests/smoke/rules/test_image.py",
    "commands/trend": "joins rooms: tests/project/test_tasks.py",
    "engine/ownership": "needs an engine: tests/live/test_bystanders.py",
    "engine/protocol": "signatures without behaviour, which mypy holds the client to",
    "engine/reasons": "reads what the SDK raises: tests/engine/test_client.py",
    "image/content": "values without behaviour",
    "image/sharing": "needs images that were weighed: tests/commands/test_weigh.py",
    "image/weighing": "figures of whole images: tests/commands/test_weigh.py, tests/sources/test_opener.py",
    "model/engine": "values without behaviour",
    "model/limits": "values without behaviour",
    "model/rules": "words without behaviour, and the titles of rules: tests/smoke/test_rule.py",
    "model/recipe": "values without behaviour",
    "model/scan": "values without behaviour",
    "render/overview": "cells of a table: tests/render/terminal/test_overview.py, tests/render/svg/test_report.py",
    "render/svg/canvas": "draws for the pictures: tests/render/svg/test_report.py, tests/render/svg/test_badge.py",
    "render/terminal/outcomes": "signs and their colours: tests/render/terminal/test_smoke.py",
    "report/metrics": "a table of figures: tests/report/test_budgets.py",
    "report/summary": "values without behaviour",
    "settings/methods": "keys of requests and of stubs: tests/settings/test_probes.py, tests/settings/test_stubs.py",
    "settings/compose/active": "what runs of a project: tests/settings/compose/test_reader.py",
    "settings/compose/finishing": "services of whole files: tests/settings/compose/test_reader.py",
    "settings/compose/mounts": "forms of mounts in whole files: tests/settings/compose/test_reader.py",
    "settings/compose/ports": "forms of ports in whole files: tests/settings/compose/test_reader.py",
    "settings/compose/project": "values without behaviour",
    "settings/compose/translation/builds": "variants: tests/settings/compose/translation/test_translator.py",
    "settings/compose/translation/needs": "services of stacks: tests/settings/compose/translation/test_translator.py",
    "settings/compose/translation/noting": "words of notes: tests/settings/compose/translation/test_translator.py",
    "settings/compose/translation/oneoffs": "commands of stacks: tests/settings/compose/translation/test_translator.py",
    "settings/compose/translation/process": "keys of stacks: tests/settings/compose/translation/test_translator.py",
    "settings/compose/translation/project_view": "joins modules: tests/settings/compose/translation/test_translator.py",
    "settings/compose/translation/roles": "roles of stacks: tests/settings/compose/translation/test_translator.py",
    "settings/compose/services": "sections of whole files: tests/settings/compose/test_reader.py",
    "smoke/rule_failed": "an exception without behaviour",
    "smoke/stack/observations": "values, but for a moment's age: tests/smoke/rules/test_shutdown.py",
    "sources/oci/artifacts": "what is no image: tests/sources/test_forms.py",
    "smoke/rules/hits": "the words of the rules on images: tests/smoke/rules/test_image.py",
    "sources/local/reading": "values without behaviour",
    "sources/local/unpacked": "one layer of an image: tests/sources/local/test_overlay2.py",
    "sources/processes/child": "a process of its own: tests/sources/processes/test_pool.py",
    "sources/locations": "values without behaviour",
    "sources/saved": "streams of engines: tests/sources/test_daemon.py, tests/live/test_sources.py",
    "sources/oci/naming": "names within a layout: tests/sources/test_oci_layout.py, tests/sources/test_archive.py",
    "sources/blob_folder": "blobs of layouts: tests/sources/test_oci_layout.py, tests/sources/test_opener.py",
    "sources/blobs": "layers of images: tests/sources/test_assembly.py, tests/sources/test_opener.py",
    "sources/tar/alone": "one layer of an image: tests/sources/test_assembly.py, tests/sources/test_opener.py",
    "sources/tar/gzip_worker": "a process of its own: tests/sources/tar/test_gzip_estimate.py",
}
"""A module without a test file of its own -> why, and where its behaviour is seen."""
LOOSE: Mapping[str, str] = {
    "image/test_any_layers.py": "layers of any entries, held to a naive model",
    "smoke/scripts/test_scripts.py": "what holds of every script",
    "sources/test_forms.py": "rare and foreign forms of images, in archives and layouts",
    "sources/test_foreign_tools.py": "images that buildah, podman, skopeo and umoci make",
    "sources/test_peak_memory.py": "images at each limit, measured in processes of their own",
    "sources/test_unlike_engines.py": "markers that engines unpack in unlike ways",
    "sources/test_hostile.py": "archives made to do harm, against all that reads them",
}
"""A test file in a room's folder that mirrors no module -> what it tests."""
BESIDE_ROOMS = {"backend", "benchmarks", "browser", "live", "mutations", "package", "project", "support"}


def module_files() -> Iterator[Path]:
    """Yield the modules of the package, and those packages that are more than a sentence."""
    for path in PACKAGE.rglob("*.py"):
        if path.stem != "__init__" or len(ast.parse(path.read_text(encoding="utf-8")).body) > 1:
            yield path


def mirror_of(path: Path) -> Path:
    """Return the test file of a module; that of a package lies in its folder and has its name."""
    name = path.parent.name if path.stem == "__init__" else path.stem
    return TESTS / path.parent.relative_to(PACKAGE) / f"test_{name}.py"


def test_modules_have_their_mirrors() -> None:
    """Each module has a test file in its room's folder, or is listed with where it is tested; no more are listed."""
    bare = {
        path.relative_to(PACKAGE).with_suffix("").as_posix() for path in module_files() if not mirror_of(path).exists()
    }
    assert bare == UNMIRRORED.keys()


def test_tests_mirror_a_module() -> None:
    """Each test file in a room's folder is that of a module, or is listed with what it tests; no more are listed."""
    mirrors = {mirror_of(path) for path in module_files()}
    folders = {path.parent for path in mirrors} | {TESTS / room.relative_to(PACKAGE) for room in ROOMS}
    loose = {path for folder in folders for path in folder.glob("test_*.py")} - mirrors
    assert {path.relative_to(TESTS).as_posix() for path in loose} == LOOSE.keys()


def test_folders_of_tests_are_rooms() -> None:
    """A folder of tests has a room's name, or is one of the few that no room has."""
    folders = {path.name for path in TESTS.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert folders <= BESIDE_ROOMS | {room.name for room in ROOMS if room.parent == PACKAGE}


def test_reasons_name_tests_that_there_are() -> None:
    """Where a listed module is said to be tested, there is a test file."""
    for module, reason in UNMIRRORED.items():
        named = re.findall(r"tests/[\w/]+[.]py", reason)
        assert named or "without behaviour" in reason, module
        assert all((PROJECT / path).is_file() for path in named), module


@pytest.mark.slow
def test_every_test_file_is_collected() -> None:
    """No folder of tests has a name that pytest passes over, as it does by itself with `build`."""
    words = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, check=True)
    collected = {line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line}
    assert collected == {path.relative_to(PROJECT).as_posix() for path in TESTS.rglob("test_*.py")}


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


ENTRIES = ("backend.main", "backend.worker", "backend.health", "backend.migrate", "backend.copy")


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


MOST_PEERS = 8
"""How many modules of a layer may stand beside each other without an order."""
CONTRACTS = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
LAYERED = [contract for contract in CONTRACTS if contract["type"] == "layers"]


def entries_of(package: Path) -> set[str]:
    """Return the modules and packages of a package, as a contract names them."""
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    return modules | {path.parent.name for path in package.glob("*/__init__.py")}


@pytest.mark.parametrize("package", [PACKAGE, *ROOMS], ids=name_of)
def test_modules_of_a_room_are_ordered(package: Path) -> None:
    """The package, and each room of two modules or more, is under a contract that knows all of them."""
    contracts = [contract for contract in LAYERED if name_of(package) in contract["containers"]]
    assert bool(contracts) is (len(entries_of(package)) > 1)
    assert all(contract["exhaustive"] is True for contract in contracts)


@pytest.mark.parametrize("contract", LAYERED, ids=lambda contract: " ".join(contract["containers"]))
def test_few_peers_have_no_order(contract: dict[str, Any]) -> None:
    """Few enough stand beside each other that one can hold in mind what each is for."""
    assert max(len(re.split(r"[|:]", layer)) for layer in contract["layers"]) <= MOST_PEERS
