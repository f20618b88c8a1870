"""A gallery of broken images of another application: each is caught by the rule that it breaks, and by no other."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

import pytest

from tests.live import faulty, otherapp
from tests.live.images import prove
from weighbridge.build import bases, buildkit
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.errors import EngineError
from weighbridge.model.smoke import Proof
from weighbridge.settings.project import Settings, check

pytestmark = pytest.mark.engine

_AT_ONCE = 6
_TIMEOUT_SECONDS = 20
"""Of which two images use up all: a health check that never passes, and a worker that never answers."""


@pytest.fixture(scope="module")
def chosen() -> Settings:
    """Return the settings of the other application, with a variant for each image of the gallery."""
    values = otherapp.settings(f"weighbridge-test-{os.getpid()}-{secrets.token_hex(3)}")
    values["variants"] = {name: {} for name in (otherapp.VARIANT, *dict(faulty.FAULTS), *dict(faulty.WEAKNESSES))}
    values["smoke"] |= {"profile": "hardened", "timeout_seconds": _TIMEOUT_SECONDS}
    return check(values)


@pytest.fixture(scope="module")
def built(
    engine: DockerEngine, client: docker_cli.BuildClient, python_base: bases.BaseImage, chosen: Settings
) -> Iterator[Settings]:
    """Build the good image and all that spoil it; return their settings."""
    good = buildkit.Build(
        variant=otherapp.VARIANT,
        reference=chosen.name_image(otherapp.VARIANT),
        context=otherapp.FOLDER,
        dockerfile=otherapp.FOLDER / "Dockerfile",
        arguments={"PYTHON_IMAGE": python_base.reference},
    )
    try:
        buildkit.build(client, engine, good)
        for name in [name for name in chosen.variants if name != otherapp.VARIANT]:
            spoilt = replace(
                good,
                variant=name,
                reference=chosen.name_image(name),
                context=faulty.FOLDER,
                dockerfile=faulty.dockerfile(name),
                arguments={"GOOD": good.reference},
            )
            buildkit.build(client, engine, spoilt)
        yield chosen
    finally:
        for name in chosen.variants:
            with suppress(EngineError):
                engine.remove_image(chosen.name_image(name))


@pytest.fixture(scope="module")
def proofs(
    engine: DockerEngine, built: Settings, redis_base: bases.BaseImage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Proof]]:
    """Prove them all, some at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        names = (otherapp.VARIANT, *dict(faulty.FAULTS))
        found = prove(engine, built, redis_base.reference, *names, at_once=_AT_ONCE)
        yield {proof.variant: proof for proof in found}


@pytest.fixture(scope="module")
def broken(
    engine: DockerEngine, built: Settings, redis_base: bases.BaseImage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Proof]]:
    """Prove the good one, and those that are right until something breaks, and break things."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        names = (otherapp.VARIANT, *dict(faulty.WEAKNESSES))
        found = prove(engine, built, redis_base.reference, *names, at_once=_AT_ONCE, faults=True)
        yield {proof.variant: proof for proof in found}


def failures(proof: Proof) -> dict[str, str]:
    """Return what failed, title -> detail."""
    return {each.title: each.detail for each in proof.checks if each.outcome == "failed"}


def test_other_application_passes(proofs: Mapping[str, Proof]) -> None:
    """An application that this project has no part in, with other paths, ports, names and user, by settings alone."""
    proof = proofs[otherapp.VARIANT]
    assert failures(proof) == {}
    assert len(proof.checks) > 40


LOG_IT_TOO = {"version-skew"}
"""Images of which a role logs what is wrong in other words than the rule that finds it."""


@pytest.mark.parametrize(("name", "rule"), faulty.FAULTS, ids=dict(faulty.FAULTS))
def test_fault_is_caught_by_its_rule(proofs: Mapping[str, Proof], name: str, rule: str) -> None:
    """The rule that it breaks fails, in one line; what follows from that is not tried, and all else holds."""
    found = failures(proofs[name])
    assert rule in found, found
    # What the image itself gets wrong, such as its entrypoint, it may get wrong for both roles.
    logged = {"no-error-in-logs"} if name in LOG_IT_TOO else set()
    assert {title.split()[1] for title in found} == {rule.split()[1]} | logged, found
    assert "\n" not in found[rule]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("beat-without-a-place", "add --schedule /tmp/celerybeat-schedule to roles.worker.command"),
        ("refuses-the-host", "GET /healthz answered 400: Invalid host header; if it does not accept the Host"),
        ("queue-of-its-own", "no worker takes the jobs that wait in queue texts ("),
        ("queue-of-its-own", "; it takes them from celery; add --queues celery,texts to roles.worker.command"),
        ("describes-other-paths", "so nothing was tried: GET /v2/texts answered 404"),
        ("unreachable-redis", "its log says: "),
        ("unreachable-redis", "Cannot connect to redis://:**@localhost:6379/0: Error 99"),
        ("worker-without-redis", "Cannot connect to redis://:**@localhost:6379/0: Error 99"),
        ("wrong-app-name", "words.worker"),
        ("ends-by-itself", "exited with code 3: KeyError: 'DSN'"),
    ],
)
def test_cause_is_told(proofs: Mapping[str, Proof], name: str, words: str) -> None:
    """The reason has the cause and what to do, not only the symptom."""
    assert any(words in detail for detail in failures(proofs[name]).values()), failures(proofs[name])


ELSEWHERE = {
    "api holds-no-privileges",  # test_smoke_prove.py: an engine that forgets to drop them
    "worker holds-no-privileges",
    "stack redis-starts",  # tests/smoke: it is no image's
    "worker root-filesystem-is-read-only",  # the same rule as the API's
    "worker uid",
    "worker listens-where-declared",
    "worker keeps-running",
}


def test_every_rule_is_broken_once(proofs: Mapping[str, Proof]) -> None:
    """What no image of the gallery breaks is listed, so that none is forgotten."""
    tried = {check.title for check in proofs[otherapp.VARIANT].checks}
    broken = {title for proof in proofs.values() for title in failures(proof)}
    assert tried - broken <= ELSEWHERE


def test_nothing_is_lost_of_the_other_application(broken: Mapping[str, Proof]) -> None:
    """The unbroken application passes every rule, including all faults."""
    proof = broken[otherapp.VARIANT]
    assert failures(proof) == {}
    assert [check.rule for check in proof.checks if check.role == "fault"] == [
        "stack-starts",
        "killed-worker-loses-no-job",
        "survives-undecodable-message",
        "survives-flush-of-redis",
        "flush-of-redis-loses-no-job",
        "survives-restart-of-redis",
        "survives-outage-of-redis",
        "survives-clients-that-do-not-read",
        "survives-heads-that-never-end",
        "killed-api-loses-nothing",
        "says-when-data-is-read-only",
        "says-when-data-is-full",
    ]


@pytest.mark.parametrize(("name", "rules"), faulty.WEAKNESSES, ids=dict(faulty.WEAKNESSES))
def test_weakness_is_found(broken: Mapping[str, Proof], name: str, rules: tuple[str, ...]) -> None:
    """What is right until something breaks is caught by the rule on that, and by no other."""
    found = failures(broken[name])
    assert found.keys() == {f"fault {rule}" for rule in rules}, found
