"""`invoke smoke` ended at any moment: after `invoke clean` nothing of it is left, and nothing of the user's is gone."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.conftest import Project, prove_standin
from tests.live.images import Standins
from tests.live.users import users_things
from weighbridge.build import bases
from weighbridge.engine.client import DockerEngine

pytestmark = pytest.mark.engine

MOMENTS = int(os.environ.get("WEIGHBRIDGE_MOMENTS", "3"))
"""How many runs are ended; each way to end one comes in turn."""
_SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGKILL
_LONGEST_SECONDS = 9.0
"""About as long as a run takes."""


@pytest.fixture
def proving(project: Project, images: Standins, redis_base: bases.BaseImage, engine: DockerEngine) -> Iterator[Project]:
    """Return a project of two variants, one of which fails and leaves logs; the user has things of their own."""
    prove_standin(project, images, "")
    settings = project.folder / "invoke.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace('"variants": {"good": {}}', '"variants": {"good": {}, "dies": {}}'))
    with users_things(engine, redis_base.reference) as things:
        yield project
        assert things.are_there()


def files_of(project: Project) -> set[str]:
    """Return what a run has files of, the layers that are known, proofs and whole reports left out."""
    cache, reports = Path(project.environment["XDG_CACHE_HOME"], "weighbridge"), project.folder / "reports"
    locks = {path.name for path in (cache / "runs").glob("*.lock")}
    return locks | {path.name for path in reports.rglob(".*")} | {path.name for path in cache.rglob("*.draft*")}


def test_ended_at_any_moment(engine: DockerEngine, proving: Project) -> None:
    """Containers, networks, volumes and files of the run go with `invoke clean`, whatever it was doing."""
    # The clean is to remove this project's runs, and not the images that other tests still need.
    chosen = random.Random(0)  # noqa: S311 - moments, not keys; the same each time
    for number in range(MOMENTS):
        how, moment = _SIGNALS[number % len(_SIGNALS)], chosen.uniform(0.1, _LONGEST_SECONDS)
        with proving.start("smoke") as process:
            time.sleep(moment)
            os.killpg(process.pid, how)
            stdout, stderr = process.communicate(timeout=120)
        told = f"{how.name} after {moment:.1f} s: {stdout}{stderr}"
        assert "Traceback" not in stdout + stderr, told
        if how != signal.SIGKILL:
            assert not proving.runs(engine), told
            assert not files_of(proving), told
        done = proving.invoke("clean", INVOKE_WEIGHBRIDGE_REPOSITORY=f"{proving.repository}-none")
        assert done.code == 0, done.stderr
        assert not proving.runs(engine), told
        assert not files_of(proving), told
