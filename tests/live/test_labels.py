"""What the image says of itself: its labels, and the answer of `/version` from a container of it."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from weighbridge import git
from weighbridge.build import bases, buildkit, plan
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.errors import EngineError
from weighbridge.settings.project import Settings, check
from weighbridge.settings.yaml_syntax import check_syntax

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).parents[2]
SPEC = "org.opencontainers.image"
_ASK = """
import time, urllib.request
for _ in range(200):
    try:
        print(urllib.request.urlopen("http://127.0.0.1:8000/version", timeout=5).read().decode())
        break
    except OSError:
        time.sleep(0.1)
"""


def settings() -> Settings:
    """Return the project's own."""
    import yaml  # noqa: PLC0415 - only here

    check_syntax(PROJECT / "invoke.yaml")
    return check(yaml.safe_load((PROJECT / "invoke.yaml").read_text(encoding="utf-8"))["weighbridge"])


@pytest.fixture(scope="module", params=settings().variants)
def built(request: pytest.FixtureRequest, engine: DockerEngine, python_base: bases.BaseImage) -> Iterator[str]:  # noqa: ARG001
    """Build a variant as `invoke build` does, under a name of this test."""
    try:
        client = docker_cli.find()
    except EngineError as error:
        pytest.skip(str(error))
    _, (wanted,) = plan.plan_variants(engine, settings(), PROJECT, [request.param])
    name = f"weighbridge-test-{secrets.token_hex(4)}:{request.param}"
    buildkit.build(client, engine, replace(wanted, reference=name))
    yield name
    engine.remove_image(name)


def docker(*words: str) -> str:
    """Run the client and return what it prints."""
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True, timeout=60).stdout


def answer(image: str) -> dict[str, Any]:
    """Ask a hardened container of the image what it is."""
    hardened = ("--read-only", "--cap-drop=ALL", "--network=none", "--tmpfs=/tmp", "--tmpfs=/data:mode=1777")
    container = docker("run", "--detach", *hardened, image).strip()
    try:
        found: dict[str, Any] = json.loads(docker("exec", container, "python", "-I", "-S", "-c", _ASK))
    finally:
        docker("rm", "--force", "--volumes", container)
    return found


def test_version_answers_what_the_labels_say(built: str) -> None:
    """A container says the version, the commit and its time that its image's labels say, and no other."""
    labels = json.loads(docker("image", "inspect", built))[0]["Config"]["Labels"]
    told = answer(built)
    assert set(told) == {"version", "revision", "created"}
    assert {f"{SPEC}.{name}": value for name, value in told.items() if value} == {
        name: value for name, value in labels.items() if name.removeprefix(f"{SPEC}.") in told
    }
    assert told["version"]


def test_labels_are_true(built: str) -> None:
    """The labels say what Git says; the time is the commit's, so that the same commit gives the same image."""
    labels = json.loads(docker("image", "inspect", built))[0]["Config"]["Labels"]
    commit, time = git.read_revision(PROJECT), git.read_source_time(PROJECT)
    assert labels.get(f"{SPEC}.revision", "") == commit.described
    if time is not None:
        assert datetime.fromisoformat(labels[f"{SPEC}.created"]) == datetime.fromtimestamp(time, UTC)
    assert labels[f"{SPEC}.title"]
    assert labels[f"{SPEC}.description"]
    assert labels[f"{SPEC}.licenses"] == "MIT"
    assert not [name for name, value in labels.items() if not value], "what is not known is left out"
