"""Which platforms are handed to the builder, and which are refused before anything is built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from weighbridge.build import platforms
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoBuilder, SettingsError
from weighbridge.model.report import EngineIdentity

INSIDE = BuildClient(path=Path("/nowhere/docker"), version="20.10.24", buildx=None)


@dataclass(frozen=True)
class Asked:
    """An engine as far as it is asked here."""

    identity: EngineIdentity
    host: str = "unix:///nowhere"


def engine(store: str = "overlay2", platform: str = "linux/amd64") -> Engine:
    """Return an engine of one platform."""
    return cast("Engine", Asked(EngineIdentity(version="1", store=store, platform=platform)))


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
        platforms.check(INSIDE, engine(), wanted, push=True)
    platforms.check(buildx, engine(), ("linux/arm64",), push=False)
    platforms.check(buildx, engine("containerd"), ("linux/amd64", "linux/arm64"), push=False)


@pytest.mark.parametrize("store", ["overlay2", "containerd"])
def test_what_the_builder_cannot(buildx: BuildClient, store: str) -> None:
    """The message says what it can, and there is always something to do."""
    with pytest.raises(NoBuilder, match=r"The builder offers linux/amd64, linux/arm64, and not linux/s390x\. Build"):
        platforms.check(buildx, engine(store), ("linux/s390x",), push=False)
    with pytest.raises(NoBuilder, match=r"The builder offers linux/amd64, and not linux/arm64\. Build on"):
        platforms.check(INSIDE, engine(store), ("linux/arm64",), push=False)
    with pytest.raises(NoBuilder, match=r"needs buildx and the containerd image store; .* BuildKit built in"):
        platforms.check(INSIDE, engine(store), ("linux/amd64", "linux/arm64"), push=False)


def test_several_need_the_store(buildx: BuildClient) -> None:
    """A graph driver keeps one platform of an image."""
    with pytest.raises(
        NoBuilder, match=r"this machine has .*buildx 0\.13\.1 and the store overlay2\. Name one --platform at a time"
    ):
        platforms.check(buildx, engine(), ("linux/amd64", "linux/arm64"), push=False)


def test_what_cannot_be_proven_is_not_pushed(buildx: BuildClient) -> None:
    """A foreign platform, alone or beside others, is refused, whatever the builder can."""
    with pytest.raises(
        SettingsError, match=r"this engine cannot test linux/arm64\. Build and push on a machine of each"
    ):
        platforms.check(buildx, engine("containerd"), ("linux/arm64",), push=True)
    with pytest.raises(SettingsError, match=r"cannot test linux/amd64, linux/arm64\. "):
        platforms.parse(["linux/amd64", "linux/arm64"], push=True)


def test_names() -> None:
    """Platforms are put into lower case, each once; anything that is not a platform is refused."""
    found = platforms.parse(["Linux/AMD64", "linux/arm/v7", "linux/amd64"], push=False)
    assert found == (
        "linux/amd64",
        "linux/arm/v7",
    )
    for text in ("", "amd64", "linux/", "linux/amd64,linux/arm64", "--load"):
        with pytest.raises(SettingsError, match=r"is not a platform\. Write it like linux/amd64"):
            platforms.parse([text], push=False)


@pytest.mark.parametrize(
    ("own", "named", "same"),
    [
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm64", "linux/aarch64", True),
        ("linux/arm/v7", "linux/armv7l", True),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm/v7", "linux/arm/v6", False),
        ("linux/amd64", "linux/amd64/v3", False),
    ],
)
def test_own_platform_has_several_names(own: str, named: str, *, same: bool) -> None:
    """The engine's own platform may be pushed and needs no emulation, by whatever name the user calls it."""
    (wanted,) = platforms.parse([named], push=True)
    assert platforms.is_own(engine(platform=own), [wanted]) is same
    if same:
        platforms.check(INSIDE, engine(platform=own), (wanted,), push=True)
    else:
        with pytest.raises(SettingsError, match="this engine cannot test"):
            platforms.check(INSIDE, engine(platform=own), (wanted,), push=True)
