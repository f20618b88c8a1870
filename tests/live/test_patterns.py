"""A pattern that our images are compared with, on the engine: it builds, and serves in both roles.

The least usual of the five stands for all: each takes most of a minute, and `invoke bench --images` tells what fails.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import patterns, starts
from weighbridge.build import bases
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.engine.protocol import LABEL
from weighbridge.errors import EngineFault, SettingsError
from weighbridge.settings.project import Settings, check
from weighbridge.smoke.stack.runs import RUN_LABEL

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def settings() -> Settings:
    """Return the project's settings, under a name that nobody else uses."""
    values: dict[str, Any] = yaml.safe_load((PROJECT / "invoke.yaml").read_text(encoding="utf-8"))["weighbridge"]
    return check({**values, "repository": f"weighbridge-test-{os.getpid()}-{secrets.token_hex(3)}"})


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache folder of the test's own, by whose name its runs can be told from others' on the same engine."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def left(engine: DockerEngine, cache: Path) -> set[str]:
    """Return the runs of a cache folder of which the engine still has anything."""
    name = (cache / "weighbridge" / "runs" / "name").read_text(encoding="ascii")
    return {run for run in engine.list_label_values(RUN_LABEL) if run.startswith(name)}


def ignore(_: str) -> None:
    """Say nothing."""


def test_patterns_build_and_serve(
    engine: DockerEngine, redis_base: bases.BaseImage, settings: Settings, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pattern starts as API and as worker, hardened; one that cannot be built is reported; nothing is left behind."""
    monkeypatch.setattr(starts, "IDLE_SECONDS", 0)
    client = docker_cli.find()
    _, wanted = patterns.plan(engine, settings, PROJECT)
    chosen = [each for each in wanted if each.name == "distroless"]
    bad = replace(chosen[0], name="bad", build=replace(chosen[0].build, dockerfile=PROJECT / "README.md"))

    with (
        patterns.build_images(client, engine, settings, [*chosen, bad], ignore) as (found, faults),
        starts.set_up_stage(engine, client, settings, redis_base.reference, ignore) as stage,
    ):
        served = {each.name: [stage.start(each.reference, role) for role in starts.ROLES] for each in found}

    assert list(faults) == ["bad"]
    assert list(served) == ["distroless"]
    for api, worker in served.values():
        assert 0.1 < api.seconds < 60
        assert 0.1 < worker.seconds < 60
        assert 20 * 10**6 < api.memory_bytes < worker.memory_bytes < 500 * 10**6
    assert not engine.list_labelled_images(f"{LABEL}.repository={settings.bench_repository}")
    assert not left(engine, cache)


def test_image_that_does_not_serve(
    engine: DockerEngine, python_base: bases.BaseImage, redis_base: bases.BaseImage, settings: Settings, cache: Path
) -> None:
    """If an image ends at once, the error has its exit code, and the stage is still cleared."""
    with (
        pytest.raises(EngineFault, match="the api ended with code 0"),
        starts.set_up_stage(engine, docker_cli.find(), settings, redis_base.reference, ignore) as stage,
    ):
        stage.start(python_base.reference, "api")

    assert not left(engine, cache)


def test_variant_called_as_a_pattern(engine: DockerEngine, settings: Settings) -> None:
    """A variant must not have the name of a pattern, because their images would have the same name."""
    clash = settings.model_copy(update={"variants": {"uv": settings.variants["multi"]}})
    with pytest.raises(SettingsError, match="uv is the name of a variant and also of a pattern"):
        patterns.plan(engine, clash, PROJECT)
