"""A shop with PostgreSQL and RabbitMQ, proven with both as services, and what is said if one does not start."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live import otherapp
from tests.live.images import name_image
from tests.support.fakes import Told
from weighbridge.build import bases, buildkit, service_images
from weighbridge.cache import Cache
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.errors import EngineError, NoBaseImage
from weighbridge.settings.project import Settings, check
from weighbridge.settings.services import Service
from weighbridge.smoke import runner
from weighbridge.smoke.rules import outages
from weighbridge.smoke.rules.services import wait_until_ready
from weighbridge.smoke.stack import inside, queues, runs, signals
from weighbridge.smoke.stack.blueprint import Blueprint
from weighbridge.smoke.stack.cast import Cast, use_alone
from weighbridge.smoke.stack.containers import Stack, run_stack
from weighbridge.sources.scan import image

pytestmark = pytest.mark.engine

_FOLDER = Path(__file__).with_name("shop")
_PROGRAM = ("python", "-m", "shop")
_HEADS = "survives-heads-that-never-end"
"""The rule that uvicorn by itself does not keep."""
_WRITE = {"post": "/orders", "body": {"item": "{unique}", "count": 6}, "status": 202, "keep": {"id": "id"}}
_SERVICES = {
    "db": {
        "image": "postgres:17",
        "environment": {"POSTGRES_USER": "shop", "POSTGRES_PASSWORD": "battery", "POSTGRES_DB": "orders"},
    },
    "broker": {
        "image": "rabbitmq:4",
        "environment": {"RABBITMQ_DEFAULT_USER": "shop", "RABBITMQ_DEFAULT_PASS": "staple"},
        "aliases": ["queue.example"],
    },
}


def settings(repository: str) -> Settings:
    """Return what the shop's settings would say."""
    return check(
        {
            "repository": repository,
            "variants": {"shop": {"accepts": {_HEADS: "a reverse proxy in front of it waits for whole heads"}}},
            "roles": {
                "api": {"port": 9000, "grace_seconds": 15},
                "worker": {
                    "command": ["work"],
                    "registered": [*_PROGRAM, "registered"],
                    "jobs": ["shop.price"],
                    "slow_job": [*_PROGRAM, "rest", "2"],
                    "job_result": [*_PROGRAM, "result"],
                },
            },
            "smoke": {
                "profile": "hardened",
                "timeout_seconds": 30,
                "user": 12345,
                "data": None,
                "services": _SERVICES,
                "environment": {
                    "DATABASE_URL": "postgresql://shop:battery@db/orders",
                    "CELERY_BROKER_URL": "amqp://shop:staple@queue.example",
                },
                "probes": [
                    {
                        "rule": "prices-orders",
                        "steps": [
                            _WRITE,
                            {"get": "/orders/{id}", "until": {"status": "done"}, "expect": {"price": 42}},
                        ],
                    }
                ],
                "faults": {"write": _WRITE, "read": "/orders/{id}"},
            },
        }
    )


@pytest.fixture(scope="module")
def repository(engine: DockerEngine, client: docker_cli.BuildClient, python_base: bases.BaseImage) -> Iterator[str]:
    """Build the shop's image; return its name without the tag."""
    name = f"weighbridge-test-{os.getpid()}-{secrets.token_hex(3)}"
    arguments = {"PYTHON_IMAGE": python_base.reference, "GOOD": f"{name}:good"}
    try:
        for variant, folder in (("good", otherapp.FOLDER), ("shop", _FOLDER)):
            wanted = buildkit.Build(
                variant=variant,
                reference=f"{name}:{variant}",
                context=folder,
                dockerfile=folder / "Dockerfile",
                arguments=arguments,
            )
            buildkit.build(client, engine, wanted)
        yield name
    finally:
        for variant in ("good", "shop"):
            with suppress(EngineError):
                engine.remove_image(f"{name}:{variant}")


@pytest.fixture(scope="module")
def services(engine: DockerEngine, client: docker_cli.BuildClient) -> Mapping[str, str]:
    """Provide the images of the services, as `invoke engine` does."""
    try:
        found = service_images.ensure_all(engine, client, settings("shop"), lambda _: None)
    except NoBaseImage as error:
        pytest.skip(str(error))
    return {each.service: each.reference for each in found}


@pytest.fixture(scope="module")
def scanned(
    engine: DockerEngine, repository: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Cast]]:
    """Read the shop's image; what is known of images is this test's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        held = image.screen(engine, [f"{repository}:shop"], Cache())
        yield {"shop": use_alone("shop", held[f"{repository}:shop"])}


@pytest.mark.slow
def test_all_rules_hold(
    monkeypatch: pytest.MonkeyPatch,
    engine: DockerEngine,
    repository: str,
    scanned: Mapping[str, Cast],
    services: Mapping[str, str],
) -> None:
    """All rules hold but one that is waived, also those on both services' faults; each service shows its version."""
    monkeypatch.setattr(outages, "OUTAGE_SECONDS", 3.0)
    trial = runner.Trial(engine=engine, settings=settings(repository), services=services, faults=True)
    (proof,) = runner.prove(trial, scanned, Told())
    others = {each.title: each for each in proof.checks if each.outcome != "passed"}
    assert {title: each.outcome for title, each in others.items()} == {f"fault {_HEADS}": "waived"}, others
    assert "GET /livez of another client got no answer" in others[f"fault {_HEADS}"].detail
    seen = {each.title: each.detail for each in proof.checks}
    titles = [*seen]
    assert titles.index("stack db-starts") < titles.index("stack broker-starts") < titles.index("api starts")
    assert re.search(r"postgres:17.*, version 17\.\d+, after ", seen["stack db-starts"])
    assert re.search(r"rabbitmq:4.*, version 4\.\d+\.\d+, after ", seen["stack broker-starts"])
    assert [each.rule for each in proof.checks if each.role == "fault"] == [
        "stack-starts",
        "killed-worker-loses-no-job",
        "survives-restart-of-db-with-its-data",
        "survives-outage-of-db",
        "survives-restart-of-broker-with-its-data",
        "survives-outage-of-broker",
        "survives-clients-that-do-not-read",
        "survives-heads-that-never-end",
        "killed-api-loses-nothing",
        "survives-restart-of-db",
        "survives-restart-of-broker",
    ]


def test_service_that_does_not_start(
    engine: DockerEngine, repository: str, scanned: Mapping[str, Cast], services: Mapping[str, str]
) -> None:
    """A database that was given no password fails its own rule with its own words; no role is tried without it."""
    chosen = settings(repository)
    smoke = chosen.smoke.model_copy(update={"services": {"db": Service(image="postgres:17")}})
    chosen = chosen.model_copy(update={"smoke": smoke})
    trial = runner.Trial(engine=engine, settings=chosen, services={"db": services["db"]})
    (proof,) = runner.prove(trial, scanned, Told())
    failed = {each.title: each.detail for each in proof.checks if each.outcome == "failed"}
    assert failed.keys() == {"stack db-starts"}
    assert "POSTGRES_PASSWORD" in failed["stack db-starts"]
    (start,) = [each for each in proof.checks if each.title == "api starts"]
    assert (start.outcome, "stack db-starts" in start.detail) == ("skipped", True)
    assert "POSTGRES_PASSWORD" in proof.logs["db"]


def test_jobs_that_nobody_takes(engine: DockerEngine, repository: str, services: Mapping[str, str]) -> None:
    """A job that Celery sent and no worker takes is found in RabbitMQ, under the name of its queue."""
    with signals.defer() as interruption, runs.begin(keep=False) as run:
        cast = name_image("shop", f"{repository}:shop")
        blueprint = Blueprint(settings=settings(repository), cast=cast, services=services, run=run)
        stack = Stack(engine=engine, blueprint=blueprint, interruption=interruption)
        with run_stack(stack, runs.ignore):
            stack.start("broker")
            stack.start("client")
            wait_until_ready(stack, "broker")
            assert queues.count_waiting(stack) == {}
            inside.run(stack, (*_PROGRAM, "rest", "1"), 30, role="worker")
            assert queues.count_waiting(stack) == {"celery": 1}
