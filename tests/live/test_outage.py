"""When Redis goes away, the worker is not ready and lives on; when it comes back, the worker is ready by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.live.images import name_image
from weighbridge.build import bases, buildkit
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.model.container import ContainerState
from weighbridge.settings import project
from weighbridge.smoke.stack import runs, signals
from weighbridge.smoke.stack.blueprint import Blueprint
from weighbridge.smoke.stack.containers import Stack, run_stack

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PROJECT = Path(__file__).parents[2]
REFERENCE = "weighbridge-test-outage:multi"
_STALE_SECONDS = 30
"""How long a heartbeat counts: backend/health.py."""
_MARGIN_SECONDS = 40


@pytest.fixture
def stack(
    engine: DockerEngine, client: docker_cli.BuildClient, python_base: bases.BaseImage, redis_base: bases.BaseImage
) -> Iterator[Stack]:
    """The project's image, and what smoke would start of it, not yet started."""
    wanted = buildkit.Build(
        variant="multi",
        reference=REFERENCE,
        context=PROJECT,
        dockerfile=PROJECT / "Dockerfile",
        arguments={"PYTHON_IMAGE": python_base.reference},
    )
    buildkit.build(client, engine, wanted)
    chosen = project.check(yaml.safe_load((PROJECT / "invoke.yaml").read_text(encoding="utf-8"))["weighbridge"])
    with signals.defer() as interruption, runs.begin(keep=False) as run:
        blueprint = Blueprint(
            settings=chosen,
            cast=name_image("multi", REFERENCE),
            services={"redis": redis_base.reference},
            run=run,
        )
        made = Stack(engine=engine, blueprint=blueprint, interruption=interruption)
        with run_stack(made, runs.ignore):
            yield made
    engine.remove_image(REFERENCE)


def test_outage_of_redis(stack: Stack) -> None:
    """Unhealthy while Redis is away, for anybody to see; the process is the same before, then, and afterwards."""

    def becomes(health: str) -> ContainerState:
        return stack.wait("worker", lambda state: state.health == health, _STALE_SECONDS + _MARGIN_SECONDS)

    def process() -> str:
        # Process 1 is the engine's init; the worker's main process started as its first child.
        result = stack.engine.execute(stack.build_name("worker"), ["python", "-c", _STARTED])
        assert result.code == 0
        return result.streams.output

    stack.start("redis")
    stack.start("worker", health_command=(), health_interval_seconds=0.5)
    assert becomes("healthy").health == "healthy"
    before = process()
    stack.engine.send_signal(stack.build_name("redis"), "SIGKILL")
    away = becomes("unhealthy")
    assert (away.status, away.health) == ("running", "unhealthy")
    assert "last heartbeat" in away.health_output
    assert process() == before
    stack.engine.start(stack.build_name("redis"))
    assert becomes("healthy").health == "healthy"
    assert process() == before


_STARTED = """
import os
for number in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
    command = open(f"/proc/{number}/cmdline", "rb").read()
    if b"celery" in command and number != 1:
        print(number, open(f"/proc/{number}/stat").read().split()[21])  # proc(5): starttime
        break
"""
