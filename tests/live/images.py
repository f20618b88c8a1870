"""Small images for the tests of smoke, built on the machine's own base image and removed again."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes import Told
from weighbridge.build import bases, buildkit
from weighbridge.cache import Cache
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.errors import EngineError, NoBaseImage
from weighbridge.model.scan import ScannedImage
from weighbridge.model.smoke import Proof
from weighbridge.settings.project import Settings, check
from weighbridge.smoke import runner
from weighbridge.smoke.stack.cast import Cast, use_alone
from weighbridge.sources.scan import image

STANDIN = Path(__file__).parents[1] / "support" / "standin.py"
MISBEHAVIOURS = ("dies", "sick", "unready", "forgets", "miscounts")
TARGETS = ("good", "root", "volume", *MISBEHAVIOURS)
_DOCKERFILE = """
ARG PYTHON
FROM $PYTHON AS root
COPY standin.py /app/
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} + && install -d -o 10001 -m 1777 /data
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK CMD ["python3", "/app/standin.py", "health"]
CMD ["python3", "/app/standin.py", "api"]

FROM root AS good
USER 10001:10001

FROM good AS volume
USER 0
RUN install -d -o 10001 -g 10001 /srv/mine
USER 10001:10001
VOLUME /srv/mine
""" + "".join(f"\nFROM good AS {each}\nENV STANDIN={each}\n" for each in MISBEHAVIOURS)
PROBES = [
    {
        "rule": "keeps-things",
        "role": "api",
        "steps": [
            {"post": "/things", "body": {"numbers": [1]}, "status": [200, 201], "keep": {"id": "id"}},
            {"post": "/things", "body": {"numbers": [1]}, "status": 200, "expect": {"id": "{id}"}},
            {"get": "/things/{id}", "equals": {"numbers": [1]}},
        ],
    },
    {
        "rule": "sum-travels",
        "steps": [
            {"post": "/sums", "body": {"numbers": [2, 3]}, "status": 202, "keep": {"id": "id"}},
            {"get": "/sums/{id}", "until": {"status": "done"}, "expect": {"sum": 5}},
        ],
    },
]


@dataclass(frozen=True, slots=True)
class Standins:
    """The stand-in application in its images, and Redis."""

    repository: str
    redis: str

    def settings(
        self, misbehaviour: str = "", *, api: Mapping[str, object] | None = None, user: int = 10001, timeout: float = 30
    ) -> Settings:
        """Return settings with one variant for each image, and a stand-in that misbehaves as told, if any does."""
        program, environment = ("python3", "/app/standin.py"), {"STANDIN": misbehaviour} if misbehaviour else {}
        worker = {
            "command": (*program, "worker"),
            "environment": environment,
            "grace_seconds": 15,
            "registered": (*program, "registered"),
            "jobs": ("add", "sleep"),
            "slow_job": (*program, "slow", "1"),
            "job_result": (*program, "result"),
        }
        return check(
            {
                "repository": self.repository,
                "variants": {target: {"target": target} for target in TARGETS},
                "roles": {"api": {"environment": environment, "grace_seconds": 15, **(api or {})}, "worker": worker},
                "smoke": {"profile": "hardened", "timeout_seconds": timeout, "user": user, "probes": PROBES},
            }
        )


def prove(
    engine: DockerEngine,
    settings: Settings,
    redis: str,
    *variants: str,
    watcher: runner.Watcher | None = None,
    **options: Any,
) -> tuple[Proof, ...]:
    """Prove variants, as `invoke smoke` does; what is known of their images is this test's own."""
    references = {name: settings.name_image(name) for name in variants}
    held = image.screen(engine, references.values(), Cache())
    trial = runner.Trial(engine=engine, settings=settings, services={"redis": redis}, **options)
    casts = {name: use_alone(name, held[reference]) for name, reference in references.items()}
    return runner.prove(trial, casts, watcher or Told())


def name_image(variant: str, reference: str) -> Cast:
    """Return a cast in which all containers run from an image of which only the name is known."""
    return use_alone(variant, ScannedImage(reference=reference, image_id=reference, platform=""))


@contextmanager
def standins(engine: DockerEngine, folder: Path) -> Iterator[Standins]:
    """Build the images in `folder`, under names that no other run of the tests has; skip where a base is missing."""
    try:
        python = bases.find_base_image(engine, "python", "python:3.13-slim-trixie").reference
        redis = bases.find_base_image(engine, "redis", "redis:8-alpine").reference
    except NoBaseImage as error:
        pytest.skip(str(error))
    shutil.copy(STANDIN, folder)
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(_DOCKERFILE, encoding="utf-8")
    made = Standins(f"weighbridge-test-{os.getpid()}-{secrets.token_hex(3)}", redis)
    names = {target: f"{made.repository}:{target}" for target in TARGETS}
    client = docker_cli.find()
    try:
        for target, name in names.items():
            wanted = buildkit.Build(
                variant=target,
                reference=name,
                context=folder,
                dockerfile=dockerfile,
                target=target,
                arguments={"PYTHON": python},
            )
            buildkit.build(client, engine, wanted)
        yield made
    finally:
        for name in names.values():
            with suppress(EngineError):
                engine.remove_image(name)
