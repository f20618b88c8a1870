"""What others have written to tell good images from bad ones finds nothing in ours."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import peers
from weighbridge.build import bases, buildkit
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PROJECT = Path(__file__).parents[2]
DOCKERFILE = PROJECT / "Dockerfile"
_FEATURES_OF_CHECK = (0, 15)
"""From which version on buildx has `--check`."""


@pytest.fixture(scope="module")
def judges() -> dict[str, Path]:
    """The programs, by name."""
    found = peers.ensure(print, programs=peers.JUDGES)
    missing = [peer.reason for peer in found if peer.path is None]
    if missing:
        pytest.skip(missing[0])
    return {peer.name: peer.path for peer in found if peer.path}


@pytest.fixture(scope="module", params=["single", "multi", "minimal"])
def image(
    request: pytest.FixtureRequest, engine: DockerEngine, client: docker_cli.BuildClient, python_base: bases.BaseImage
) -> Iterator[str]:
    """Each variant, under a name of this test."""
    wanted = buildkit.Build(
        variant=request.param,
        reference=f"weighbridge-test-judged:{request.param}",
        context=PROJECT,
        dockerfile=DOCKERFILE,
        target=request.param,
        arguments={"PYTHON_IMAGE": python_base.reference},
    )
    buildkit.build(client, engine, wanted)
    yield wanted.reference
    engine.remove_image(wanted.reference)


def judge(engine: DockerEngine, client: docker_cli.BuildClient, *words: str | Path) -> str:
    """Run a program on our engine; it ends with 0, or shows what it found."""
    environment = {**client.build_environment(engine.host), "CI": "true", "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run(words, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout + done.stderr


def test_hadolint(engine: DockerEngine, client: docker_cli.BuildClient, judges: dict[str, Path]) -> None:
    """No finding in the Dockerfile, beside what .hadolint.yaml leaves out with a reason."""
    assert judge(engine, client, judges["hadolint"], "--config", PROJECT / ".hadolint.yaml", DOCKERFILE) == ""


def test_checks_of_the_builder(
    engine: DockerEngine, client: docker_cli.BuildClient, python_base: bases.BaseImage
) -> None:
    """`docker build --check` has no warning, where the client and the engine's builder have it."""
    if client.buildx is None or _version(client.buildx) < _FEATURES_OF_CHECK:
        pytest.skip("this client has no --check")
    base = f"PYTHON_IMAGE={python_base.reference}"
    words = [*client.command, "--check", "--build-arg", base, "--file", str(DOCKERFILE), str(PROJECT)]
    said = judge(engine, client, *words)
    assert "no warnings found" in said


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.lstrip("v").split("+")[0].split("-")[0].split(".")[:2])


def test_structure(engine: DockerEngine, client: docker_cli.BuildClient, judges: dict[str, Path], image: str) -> None:
    """container-structure-test finds what structure.yaml says of every variant."""
    config = Path(__file__).with_name("structure.yaml")
    said = judge(engine, client, judges["container-structure-test"], "test", "--image", image, "--config", config)
    assert "Failures:    0" in said


def test_dive(engine: DockerEngine, client: docker_cli.BuildClient, judges: dict[str, Path], image: str) -> None:
    """Every variant passes dive's own rules; another test shows that dive's waste is not always right."""
    said = judge(engine, client, judges["dive"], image, "--source", "docker", "--ci")
    assert "Result:PASS" in said
