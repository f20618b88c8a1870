"""The digest of code covers what a module imports at any depth, as import-linter's own graph has it, and follows it."""

from __future__ import annotations

import importlib
from pathlib import Path

import grimp
import pytest

from weighbridge import code_digest
from weighbridge.image import packages

ROOT = Path(code_digest.__file__).parent
ENTRIES = (
    "weighbridge.image.packages",
    "weighbridge.image.packages.databases",
    "weighbridge.smoke.runner",
    "weighbridge.sources.scan.image",
    "weighbridge.sources.scan.layer",
    "weighbridge.errors",
)


def module_of(file: str) -> str:
    """Return the dotted name of a file below the package's folder."""
    parts = ("weighbridge", *Path(file).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Return all imports between modules of the package, by somebody else's reading."""
    return grimp.build_graph("weighbridge", cache_dir=None)


@pytest.mark.parametrize("entry", ENTRIES)
def test_closure(entry: str, graph: grimp.ImportGraph) -> None:
    """Nothing that a module imports is left out; nothing else is in it but packages on the way, and their scripts."""
    found = {module_of(file) for file in code_digest.collect_files(entry)}
    inside = graph.find_descendants(entry)
    upstream = {entry} | inside | graph.find_upstream_modules(entry, as_package=bool(inside))
    assert found >= upstream
    assert all(
        any(f"{each}.".startswith(f"{name}.") for each in upstream) or _read(name, upstream)
        for name in found - upstream
    )


def _read(name: str, upstream: set[str]) -> bool:
    """Tell whether a module is part of a package that is imported by name."""
    return any(
        name.startswith(f"{package}.") for package in upstream if (ROOT.parent / package.replace(".", "/")).is_dir()
    )


@pytest.mark.parametrize("entry", ENTRIES)
def test_digest_follows_the_code(entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of any file in the closure changes the digest; a change elsewhere does not."""
    module = importlib.import_module(entry)
    files = code_digest.collect_files(entry)
    copy = tmp_path / "weighbridge"
    for path in ROOT.rglob("*.py"):
        (copy / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
        (copy / path.relative_to(ROOT)).write_bytes(path.read_bytes())
    monkeypatch.setattr(code_digest, "_ROOT", copy)

    def digest() -> str:
        code_digest._compute_digest.cache_clear()
        return code_digest.compute_digest(module)

    before = digest()
    elsewhere = [path for path in copy.rglob("*.py") if path.relative_to(copy).as_posix() not in files]
    for path in elsewhere:
        path.write_text(f"{path.read_text()}\n# changed\n")
    assert digest() == before
    for path in sorted(copy / file for file in files):
        text = path.read_text()
        path.write_text(f"{text}\n# changed\n")
        assert digest() != before, path
        path.write_text(text)
    assert digest() == before
    code_digest._compute_digest.cache_clear()


def test_scripts_are_code() -> None:
    """What is sent into containers as text decides on a proof as much as what is imported."""
    scripts = {f"smoke/scripts/{path.name}" for path in (ROOT / "smoke" / "scripts").glob("*.py")}
    assert len(scripts) > 5
    assert scripts < code_digest.collect_files("weighbridge.smoke.runner")


def test_module_by_name() -> None:
    """A module that is not loaded has the digest that it has when it is."""
    assert code_digest.compute_digest("weighbridge.image.packages") == code_digest.compute_digest(packages)
