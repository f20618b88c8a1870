"""Which commit the working tree stands on, asked of the real Git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from weighbridge.revision import Revision, current

UNKNOWN = Revision(commit=None, dirty=False)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with one commit, untouched by the user's own configuration."""
    for name, value in {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}.items():
        monkeypatch.setenv(name, value)
    git(tmp_path, "init", "--quiet")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "--message=m")
    return tmp_path


def git(folder: Path, *words: str) -> str:
    """Run Git and return what it prints."""
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_clean_tree(repository: Path) -> None:
    """The commit's full hash is told, from any folder inside."""
    (repository / "sub").mkdir()
    assert current(repository / "sub") == Revision(commit=git(repository, "rev-parse", "HEAD"), dirty=False)


@pytest.mark.parametrize("name", ["a", "new"])
def test_changed_tree(repository: Path, name: str) -> None:
    """A file that changed makes the tree dirty, and so does a new one: both get into the image."""
    (repository / name).write_text("2")
    assert current(repository).dirty


def test_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a repository, before its first commit, and without Git there is no commit, and that is no error."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert current(tmp_path) == UNKNOWN
    git(tmp_path, "init", "--quiet")
    assert current(tmp_path) == UNKNOWN
    assert current(tmp_path / "missing") == UNKNOWN
    monkeypatch.setenv("PATH", str(tmp_path))
    assert current(tmp_path) == UNKNOWN
