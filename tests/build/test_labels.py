"""What an image says of itself: what is known, in the words of the OCI's specification, and nothing that is not."""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from weighbridge.build import labels
from weighbridge.build.labels import base_labels
from weighbridge.image.base_image import DIGEST_LABEL, NAME_LABEL


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
    assert labels.arguments(project) == {}
    assert labels.labels({}) == {}
    for text in ("nonsense", "[project]", "project = 1"):
        (project / "pyproject.toml").write_text(text)
        assert labels.arguments(project) == {}


def test_all_known(project: Path) -> None:
    """Version, commit, its time and its origin become arguments, and each argument one label."""
    (project / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "--message=m")
    git(project, "config", "remote.origin.url", "https://user:secret@example.org/x")
    commit, time = git(project, "show", "--no-patch", "--format=%H %ct").split()
    found = labels.arguments(project)
    assert found["SOURCE_DATE_EPOCH"] == time
    assert labels.labels(found) == {
        "org.opencontainers.image.version": "1.2.3",
        "org.opencontainers.image.revision": commit,
        "org.opencontainers.image.created": found["CREATED"],
        "org.opencontainers.image.source": "https://example.org/x",
    }
    assert datetime.fromisoformat(found["CREATED"]).timestamp() == int(time)
    (project / "new").write_text("")
    assert labels.arguments(project) == {**found, "REVISION": f"{commit}-dirty"}


def test_arguments_that_are_none_of_ours() -> None:
    """An argument of a variant's own becomes no label; one that overrides ours changes the label with it."""
    assert labels.labels({"WORD": "x", "VERSION": "9", "REVISION": ""}) == {"org.opencontainers.image.version": "9"}


DOCKERFILE = """
ARG PYTHON_IMAGE=python:3.13
FROM ${PYTHON_IMAGE} AS builder
RUN true
from --platform=linux/amd64 Builder as later
FROM later
FROM scratch AS minimal
COPY --from=builder / /
FROM other:1 AS foreign
FROM $PYTHON_IMAGE
"""


@pytest.mark.parametrize(
    ("target", "stands"),
    [("builder", True), ("later", True), ("LATER", True), (None, True), ("minimal", False), ("foreign", False)],
)
def test_base_that_it_stands_on(target: str | None, stands: bool) -> None:  # noqa: FBT001 - a column
    """Only a stage whose first FROM is the base gets its name and digest, through whatever stages it comes."""
    given = {"PYTHON_IMAGE": "python:3.13"}
    name = {NAME_LABEL: "python:3.13"} if stands else {}
    digest = {DIGEST_LABEL: "sha256:a"} if stands else {}
    assert base_labels({**given, "PYTHON_IMAGE_DIGEST": "sha256:a"}, DOCKERFILE, target) == name | digest
    assert base_labels(given, DOCKERFILE, target) == name


@pytest.mark.parametrize("text", ["", "RUN x", "FROM a AS b\nFROM b AS a"])
def test_dockerfile_that_leads_nowhere(text: str) -> None:
    """Without a base there is no label for one; a circle of stages, which no builder takes, ends."""
    for target in (None, "a", "nope"):
        assert base_labels({"PYTHON_IMAGE_DIGEST": "sha256:a"}, text, target) == {}
