"""What a project asks for: its own files, those of a variant's context, what they include, and nothing outside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from weighbridge.commands.requirements import find_demands
from weighbridge.image.requirements import Demand
from weighbridge.settings import project as settings


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
