"""Which images of a Dockerfile get a stand-in: those that can neither be found nor pulled, where one fits."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from weighbridge.build.buildkit import Build
from weighbridge.build.replacement import Replacements
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoBaseImage
from weighbridge.model.report import EngineIdentity

PINNED = f"python:3.11-slim@sha256:{'0f' * 32}"
SLIM_311, SLIM_313 = "weighbridge/python:3.11-slim-bookworm", "weighbridge/python:3.13-slim-trixie"
DOCKERFILE = f"ARG BASE=python:3.13-slim\nFROM {PINNED} AS a\nFROM $BASE\nFROM a\nFROM nobody/has:1\nFROM scratch\n"
CLIENT = BuildClient(path=Path("/nowhere/docker"), version="28.0.0", buildx="0.13.1")


class Shelf:
    """An engine as far as it is asked: what it has, and what a registry would give it."""

    identity = EngineIdentity(version="0", store="overlay2", platform="linux/amd64")

    def __init__(self, *images: str, registry: tuple[str, ...] = ()) -> None:
        self.images, self.registry = set(images), registry
        self.asked: list[str] = []

    def has_image(self, reference: str) -> bool:
        """Tell whether it is here."""
        return reference in self.images

    def pull(self, reference: str) -> None:
        """Take it from the registry."""
        self.asked.append(reference)
        if reference not in self.registry:
            raise NoBaseImage(f"{reference} cannot be pulled: no such host")
        self.images.add(reference)


@pytest.fixture
def wanted(tmp_path: Path) -> Build:
    """Return a build of a Dockerfile with a base for each case."""
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    return Build(variant="a", reference="a:a", context=tmp_path, dockerfile=tmp_path / "Dockerfile")


def find(shelf: Shelf, wanted: Build, client: BuildClient | None = CLIENT) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return what is replaced by what, asked for twice as for two variants, and how that is described."""
    found = Replacements(cast("Engine", shelf), client)
    assert found.find(wanted) == found.find(wanted)
    return found.find(wanted), found.described


def test_no_registry(wanted: Build) -> None:
    """Pinned by a digest or named by an argument, what a stand-in fits is replaced, with the reason; each once."""
    shelf = Shelf(SLIM_311, SLIM_313)
    replaced, described = find(shelf, wanted)
    assert replaced == {PINNED: SLIM_311, "python:3.13-slim": SLIM_313}
    assert described == tuple(
        f"{ours}, our stand-in for {official}, present because {official} cannot be pulled: no such host"
        for official, ours in replaced.items()
    )
    assert shelf.asked == [PINNED, "python:3.13-slim"]


def test_what_can_be_had_stays(wanted: Build) -> None:
    """An image that the engine has is not pulled again, and one that a registry has is pulled, stand-in or not."""
    shelf = Shelf(SLIM_311, SLIM_313, PINNED, registry=("python:3.13-slim",))
    assert find(shelf, wanted) == ({}, ())
    assert shelf.asked == ["python:3.13-slim"]


def test_without_a_client(wanted: Build) -> None:
    """Where nothing may be pulled or built, a stand-in that is present is used, and nothing for the other."""
    shelf = Shelf(SLIM_311)
    replaced, described = find(shelf, wanted, None)
    assert replaced == {PINNED: SLIM_311}
    assert described == (f"{SLIM_311}, our stand-in for {PINNED}, present because the engine does not have {PINNED}",)
    assert shelf.asked == []


def test_missing_dockerfile(wanted: Build) -> None:
    """It is the builder's to say so."""
    wanted.dockerfile.unlink()
    assert find(Shelf(), wanted) == ({}, ())


def test_foreign_platform(tmp_path: Path) -> None:
    """A stand-in is of the engine's own platform, so it takes no place in a build for another."""
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    foreign = Build(
        variant="a",
        reference="a:a",
        context=tmp_path,
        dockerfile=tmp_path / "Dockerfile",
        platforms=("linux/arm64",),
    )
    assert find(Shelf(SLIM_311, SLIM_313), foreign) == ({}, ())
