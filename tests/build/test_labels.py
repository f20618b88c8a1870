"""What an image says of itself: what is known, in the words of the OCI's specification, and nothing that is not."""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from weighbridge.build import labels


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of which nothing is known."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    for name, value in {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def git(folder: Path, *words: str) -> str:
    """Run Git and return what it prints."""
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_nothing_known(project: Path) -> None:
    """Without Git and without pyproject.toml nothing is said, and that is no error."""
    assert labels.collect_arguments(project) == {}
    assert labels.make_labels({}) == {}
    for text in ("nonsense", "[project]", "project = 1"):
        (project / "pyproject.toml").write_text(text)
        assert labels.collect_arguments(project) == {}


def test_all_known(project: Path) -> None:
    """Version, commit, its time and its origin become arguments, and each argument one label."""
    (project / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "--message=m")
    git(project, "config", "remote.origin.url", "https://user:secret@example.org/x")
    commit, time = git(project, "show", "--no-patch", "--format=%H %ct").split()
    found = labels.collect_arguments(project)
    assert found["SOURCE_DATE_EPOCH"] == time
    assert labels.make_labels(found) == {
        "org.opencontainers.image.version": "1.2.3",
        "org.opencontainers.image.revision": commit,
        "org.opencontainers.image.created": found["CREATED"],
        "org.opencontainers.image.source": "https://example.org/x",
    }
    assert datetime.fromisoformat(found["CREATED"]).timestamp() == int(time)
    (project / "new").write_text("")
    assert labels.collect_arguments(project) == {**found, "REVISION": f"{commit}-dirty"}


def test_arguments_that_are_none_of_ours() -> None:
    """An argument of a variant's own becomes no label; one that overrides ours changes the label with it."""
    assert labels.make_labels({"WORD": "x", "VERSION": "9", "REVISION": ""}) == {
        "org.opencontainers.image.version": "9"
    }
