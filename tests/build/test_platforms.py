"""Which platforms are handed to the builder, and which are refused before anything is built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from weighbridge.build import platforms
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.errors import NoBuilder, SettingsError
from weighbridge.model.report import EngineIdentity

INSIDE = BuildClient(path=Path("/nowhere/docker"), version="20.10.24", buildx=None)


@dataclass(frozen=True)
class Engine:
    """An engine of one platform."""

    store: str = "overlay2"
    host: str = "unix:///nowhere"

    @property
    def identity(self) -> EngineIdentity:
        """Say what it is."""
        return EngineIdentity(version="1", store=self.store, platform="linux/amd64")


@pytest.fixture
def buildx(tmp_path: Path) -> BuildClient:
    """Return a client whose builder emulates one other platform."""
    path = tmp_path / "docker"
    path.write_text("#!/bin/sh\necho Platforms: linux/amd64, linux/arm64\n")
    path.chmod(0o755)
    return BuildClient(path=path, version="28.2.2", buildx="0.13.1")


def test_what_is_taken(buildx: BuildClient) -> None:
    """No platform and the engine's own need nothing; a foreign one needs a builder that lists it, several a store."""
    for wanted in ((), ("linux/amd64",)):
        platforms.check(INSIDE, Engine(), wanted, push=True)
    platforms.check(buildx, Engine(), ("linux/arm64",), push=False)
    platforms.check(buildx, Engine("containerd"), ("linux/amd64", "linux/arm64"), push=False)


@pytest.mark.parametrize("store", ["overlay2", "containerd"])
def test_what_the_builder_cannot(buildx: BuildClient, store: str) -> None:
    """The message says what it can, and there is always something to do."""
    with pytest.raises(
        NoBuilder, match=r"not known to build for linux/s390x, but for linux/amd64, linux/arm64\. Build"
    ):
        platforms.check(buildx, Engine(store), ("linux/s390x",), push=False)
    with pytest.raises(NoBuilder, match=r"not known to build for linux/arm64, but for linux/amd64\. Build on"):
        platforms.check(INSIDE, Engine(store), ("linux/arm64",), push=False)
    with pytest.raises(NoBuilder, match=r"needs buildx and the containerd image store, .* BuildKit inside, and "):
        platforms.check(INSIDE, Engine(store), ("linux/amd64", "linux/arm64"), push=False)


def test_several_need_the_store(buildx: BuildClient) -> None:
    """A graph driver keeps one platform of an image."""
    with pytest.raises(NoBuilder, match=r"here are .*buildx 0\.13\.1, and overlay2\. Name one --platform at a time"):
        platforms.check(buildx, Engine(), ("linux/amd64", "linux/arm64"), push=False)


def test_what_cannot_be_proven_is_not_pushed(buildx: BuildClient) -> None:
    """A foreign platform, alone or beside others, is refused, whatever the builder can."""
    with pytest.raises(
        SettingsError, match=r"one engine cannot prove linux/arm64\. Build and push on a machine of each"
    ):
        platforms.check(buildx, Engine("containerd"), ("linux/arm64",), push=True)
    with pytest.raises(SettingsError, match=r"cannot prove linux/amd64, linux/arm64\. "):
        platforms.parse(["linux/amd64", "linux/arm64"], push=True)


def test_names() -> None:
    """Each platform counts once, in small letters; what is none is named."""
    found = platforms.parse(["Linux/AMD64", "linux/arm/v7", "linux/amd64"], push=False)
    assert found == (
        "linux/amd64",
        "linux/arm/v7",
    )
    for text in ("", "amd64", "linux/", "linux/amd64,linux/arm64", "--load"):
        with pytest.raises(SettingsError, match=r"is no platform\. Write it like linux/amd64"):
            platforms.parse([text], push=False)
