"""What a project asks for: its own files, those of a variant's context, what they include, and nothing outside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from weighbridge.cache import Cache
from weighbridge.commands.requirements import find_demands
from weighbridge.image import requirements
from weighbridge.image.requirements import Demand, Requirements
from weighbridge.settings import project as settings


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def names(demand: Demand) -> set[str]:
    """Return all names that are asked for."""
    return {name for each in demand.requirements for name in each.names}


SETTINGS = settings.check(
    {
        "variants": {"plain": {}, "service": {"context": "service"}, "lost": {"context": "gone"}},
        "roles": {"worker": {"command": ["celery", "worker"]}},
    }
)


def test_files_of_the_project(tmp_path: Path) -> None:
    """The project's own files count for every image, a few folders deep; what was installed there does not."""
    write(
        tmp_path,
        {
            "requirements.txt": "-r deps/base.in\n-r requirements.txt\nflask\n",
            "deps/base.in": "-c ../constraints.txt\nredis\n",
            "constraints.txt": "kombu==5\n",
            "requirements/dev.txt": "pytest\n",
            "requirements-dev.txt": "ruff\n",
            "pyproject.toml": '[project]\nname = "shop"\n',
            "service/requirements.txt": "-r ../deps/extra.in\nfastapi\n",
            "deps/extra.in": "httpx\n",
            "a/b/c/requirements.in": "uvicorn\n",
            "a/b/c/d/requirements.txt": "django\n",
            ".hidden/requirements.txt": "django\n",
            "node_modules/x/package.json": '{"name": "x"}',
            "venv/pyvenv.cfg": "",
            "venv/requirements.txt": "django\n",
            "package.json": '{"dependencies": {"next": "1"}}',
        },
    )
    found = find_demands(SETTINGS, tmp_path, ["plain", "service", "lost", "registry:x/y"])
    own = {"flask", "redis", "kombu", "pytest", "ruff", "shop", "next", "uvicorn", "fastapi", "httpx"}
    assert names(found["plain"]) == names(found["lost"]) == names(found["registry:x/y"]) == own
    assert names(found["service"]) == own
    assert {each.commands for each in found.values()} == {(("celery", "worker"),)}


def test_context_outside_of_the_project(tmp_path: Path) -> None:
    """The files of a build context count for its variant alone, and may include others of that context."""
    write(
        tmp_path,
        {"context/requirements.txt": "-r base.txt\n-r ../x.txt\n", "context/base.txt": "flask\n", "x.txt": "x\n"},
    )
    (tmp_path / "project").mkdir()
    given = settings.check({"variants": {"plain": {"context": "empty"}, "other": {"context": "../context"}}})
    found = find_demands(given, tmp_path / "project", ["plain", "other"])
    assert (names(found["plain"]), names(found["other"])) == (set(), {"flask"})


def test_nothing_outside(tmp_path: Path) -> None:
    """A file that lies elsewhere is not read, whether it is included by its path or a link leads to it."""
    write(tmp_path, {"secret.txt": "secret\n", "project/requirements.txt": "-r ../secret.txt\n-r /etc/hosts\nflask\n"})
    project = tmp_path / "project"
    (project / "requirements-link.txt").symlink_to(tmp_path / "secret.txt")
    (project / "requirements-circle.txt").symlink_to("requirements-circle.txt")
    assert names(find_demands(SETTINGS, project, ["plain"])["plain"]) == {"flask"}


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """Folders, pipes and damaged files of these names ask for nothing, and keep nobody waiting."""
    write(tmp_path, {"pyproject.toml": "[", "setup.cfg": "flask", "requirements.txt": "flask\n-r \0\n-r " + "x" * 5000})
    (tmp_path / "requirements-folder.txt").mkdir()
    os.mkfifo(tmp_path / "requirements-pipe.txt")
    assert names(find_demands(SETTINGS, tmp_path, ["plain"])["plain"]) == {"flask"}


@pytest.mark.parametrize("folder", ["", "gone"])
def test_project_without_files(tmp_path: Path, folder: str) -> None:
    """A project need not have any of these files, nor be there."""
    assert find_demands(SETTINGS, tmp_path / folder, ["plain"])["plain"].requirements == ()


def test_known_files_are_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is parsed when it is new and after it has changed, and what it asks for is the same in between."""
    project, cache = tmp_path / "project", Cache(tmp_path / "cache")
    write(project, {"requirements.txt": "-r base.txt\nflask[async,dotenv]\n", "base.txt": "redis\n"})
    write(project, {"package.json": '{"dependencies": {"next": "1"}}'})
    parsed, parse = list[str](), requirements.read

    def count(path: str, content: bytes) -> Requirements | None:
        parsed.append(Path(path).name)
        return parse(path, content)

    monkeypatch.setattr(requirements, "read", count)
    first = find_demands(SETTINGS, project, ["plain"], cache=cache)
    assert sorted(parsed) == ["base.txt", "package.json", "requirements.txt"]
    assert {"flask": {"async", "dotenv"}} in [each.names for each in first["plain"].requirements]
    assert find_demands(SETTINGS, project, ["plain"], cache=cache) == first
    assert len(parsed) == 3
    write(project, {"base.txt": "valkey\n"})
    assert names(find_demands(SETTINGS, project, ["plain"], cache=cache)["plain"]) == {"flask", "valkey", "next"}
    assert parsed[3:] == ["base.txt"]


def test_changed_cache_is_passed_over(tmp_path: Path) -> None:
    """Whatever somebody writes into the cache in place of what was kept, the file is read again."""
    cache = Cache(tmp_path / "cache")
    write(tmp_path / "project", {"requirements.txt": "flask\n"})
    first = find_demands(SETTINGS, tmp_path / "project", ["plain"], cache=cache)
    ((key, kept),) = (
        (path.name, document)
        for path in (tmp_path / "cache").rglob("requirements-*")
        if (document := cache.read_document(path.name))
    )
    for wrong in (None, 1, [], ["python", ["flask"], []], ["python", {"flask": 1}, []]):
        cache.keep_document(key, dict.fromkeys(kept, wrong))
        assert find_demands(SETTINGS, tmp_path / "project", ["plain"], cache=cache) == first
