"""Which official image has a stand-in, by the names that Docker Hub gives to images."""

from __future__ import annotations

import re

import pytest

from weighbridge.build import standins
from weighbridge.build.standins import find_standin

DIGEST = f"@sha256:{'0f' * 32}"
SLIM_311, SLIM_313 = "weighbridge/python:3.11-slim-bookworm", "weighbridge/python:3.13-slim-trixie"


@pytest.mark.parametrize(
    ("official", "name"),
    [
        ("python:3.13-slim-trixie", SLIM_313),
        ("python:3.13-slim", SLIM_313),
        ("python:3.13.5-slim-bookworm", SLIM_313),
        ("docker.io/library/python:3.13-slim", SLIM_313),
        ("library/python:3.13-slim", SLIM_313),
        (f"python:3.13-slim{DIGEST}", SLIM_313),
        ("python:3.11-slim", SLIM_311),
        (f"docker.io/python:3.11.13-slim-bookworm{DIGEST}", SLIM_311),
        ("python:3.11", "weighbridge/python:3.11-bookworm"),
        ("python:3.13-trixie", "weighbridge/python:3.13-trixie"),
        ("debian:bookworm", "weighbridge/debian:bookworm-slim"),
        ("debian:12.11-slim", "weighbridge/debian:bookworm-slim"),
        ("debian:trixie-20250811-slim", "weighbridge/debian:trixie-slim"),
        ("redis:8-alpine", "weighbridge/redis:8-trixie"),
        ("redis:8.2.1", "weighbridge/redis:8-trixie"),
    ],
)
def test_fitting(official: str, name: str) -> None:
    """The series of the image decides; digest, patch release and Docker Hub's own host do not."""
    found = find_standin(official)
    assert found is not None
    assert found.name == name
    assert found.dockerfile.is_file()


@pytest.mark.parametrize(
    "official",
    [
        "python",
        "python:latest",
        "python:3",
        "python:3.1",
        "python:3.12-slim",
        "python:3.14-slim",
        "python:3.13-alpine",
        "python:3.13-slim-",
        "python:3.13-windowsservercore",
        f"python{DIGEST}",
        "python:3.13-slim@sha256:short",
        "registry.example/python:3.13-slim",
        "someone/python:3.13-slim",
        SLIM_313,
        "debian:bullseye",
        "debian",
        "redis:80",
        "redis:7",
        "",
    ],
)
def test_other_images(official: str) -> None:
    """Another version, another distribution, and other people's images have no stand-in."""
    assert find_standin(official) is None


def test_names_are_ours() -> None:
    """No stand-in has an official name, and each stands on a Debian that has a name of ours, too."""
    assert {name for name in standins.NAMES if not name.startswith("weighbridge/")} == set()
    assert {"weighbridge/debian:bookworm-slim", "weighbridge/debian:trixie-slim"} < standins.NAMES


def test_recipes_take_their_options() -> None:
    """Each argument that a stand-in has for its recipe is one that the recipe asks for."""
    for official in ("python:3.11", "python:3.13-slim", "debian:12", "redis:8"):
        standin = find_standin(official)
        assert standin is not None
        taken = set(re.findall(r"^ARG (\w+)", standin.dockerfile.read_text(), re.MULTILINE))
        assert set(standin.options) <= taken
