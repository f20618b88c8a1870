"""Names of images without tag and digest."""

from __future__ import annotations

import pytest

from weighbridge.model.reference import strip_tag


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("python", "python"),
        ("python:3.13@sha256:00", "python"),
        ("docker.io/library/python:3", "python"),
        ("index.docker.io/library/python", "python"),
        ("library/python", "python"),
        ("index.example.com/app:1", "index.example.com/app"),
        ("docker.io/me/app:1", "me/app"),
        ("localhost:5000/app", "localhost:5000/app"),
        ("localhost:5000/library/app:1", "localhost:5000/library/app"),
    ],
)
def test_repository(reference: str, repository: str) -> None:
    """Tag and digest go, and what names of Docker Hub may leave out; the port of a registry stays."""
    assert strip_tag(reference) == repository
