"""Smoke on a real engine: an image that is right passes, and each thing that can be wrong is found and named."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.engine.images import Standins
from weighbridge import smoke
from weighbridge.containers import ContainerSpec, Created
from weighbridge.engine import Engine
from weighbridge.errors import NoSuchImage
from weighbridge.model import Check, Proof
from weighbridge.smoke.runs import RUN_LABEL
from weighbridge.smoke.scenario import rules

pytestmark = pytest.mark.engine


class Lenient(Engine):
    """An engine that forgets one kind of hardening."""

    forget: Callable[[ContainerSpec], ContainerSpec]

    def create_container(self, spec: ContainerSpec) -> Created:
        """Create a container less hardened than asked for."""
        return super().create_container(self.forget(spec))


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the tests' runs apart from the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def failure(proof: Proof) -> tuple[str, str]:
    """Return role and rule, and the detail, of the check that failed; it is the last one."""
    assert [check.ok for check in proof.checks] == [*[True] * (len(proof.checks) - 1), False]
    last = proof.checks[-1]
    return f"{last.role} {last.rule}", last.detail


def runs_of(proof: Proof) -> set[str]:
    """Return the ids of the runs whose containers the checks name."""
    started = [check.detail for check in proof.checks if check.rule in {"starts", "redis-starts"} and check.ok]
    return {name.removeprefix("weighbridge-").rpartition("-")[0] for name in started}


def test_good_image_passes(engine: Engine, images: Standins) -> None:
    """Every rule is tried in order, told as it is done, and nothing is left."""
    settings, seen = images.settings(), list[Check]()
    proof = smoke.prove(engine, settings, "good", images.redis, on_check=seen.append)
    assert proof.ok, proof.checks[-1]
    assert tuple(seen) == proof.checks
    assert [(check.role, check.rule) for check in seen] == [(rule.role, rule.name) for rule in rules(settings)]
    assert proof.log == ""
    assert len(runs_of(proof)) == 1
    assert not runs_of(proof) & engine.label_values(RUN_LABEL)


@pytest.mark.parametrize(
    ("misbehaviour", "rule", "words"),
    [
        ("dies", "api becomes-healthy", "exited with code 1 before it was healthy: the standin gives up"),
        ("sick", "api becomes-healthy", "not healthy after 4 s, its health check says: the standin feels sick"),
        ("secretive", "api ready", "it binds to 127.0.0.1; use --host 0.0.0.0"),
        ("unready", "api ready", "GET /readyz answered 503, not 200"),
        ("forgets", "api stores-a-report", "the same report was kept twice"),
        ("miscounts", "stack comparison-travels", "2345679}, and the reports differ by 2345678 bytes"),
        ("deaf", "worker finishes-running-job-on-sigterm", "still running 2 s after SIGTERM"),
        ("hasty", "worker finishes-running-job-on-sigterm", "still running after 2 s"),
    ],
)
def test_misbehaviour_is_named(engine: Engine, images: Standins, misbehaviour: str, rule: str, words: str) -> None:
    """The first rule that does not hold says why in one line, and nothing is left."""
    settings = images.settings(misbehaviour)
    proof = smoke.prove(engine, settings, "good", images.redis, on_check=lambda _: None)
    failed, detail = failure(proof)
    assert failed == rule
    assert words in detail
    assert "\n" not in detail
    assert proof.log or misbehaviour in {"sick", "secretive"}, "only those that say nothing have no log"
    assert not runs_of(proof) & engine.label_values(RUN_LABEL)


@pytest.mark.parametrize(
    ("variant", "rule", "words"),
    [
        ("no-health", "image has-health-check", "give its Dockerfile a HEALTHCHECK"),
        ("root", "image runs-as-non-root", "names no user, so it runs as root; end its Dockerfile with `USER 10001"),
        ("named-user", "image runs-as-non-root", "names its user 'daemon'"),
        ("volume", "api root-filesystem-is-read-only", "files can be made in /srv/mine; drop that VOLUME"),
    ],
)
def test_image_at_fault_is_named(engine: Engine, images: Standins, variant: str, rule: str, words: str) -> None:
    """What is wrong with the image itself is said in the words of its Dockerfile."""
    failed, detail = failure(smoke.prove(engine, images.settings(), variant, images.redis, on_check=lambda _: None))
    assert failed == rule
    assert words in detail


@pytest.mark.parametrize(
    ("forget", "rule", "words"),
    [
        (lambda spec: replace(spec, read_only=False), "api root-filesystem-is-read-only", "mounted for writing"),
        (lambda spec: replace(spec, drop_capabilities=()), "api holds-no-privileges", "capabilities are left"),
        (lambda spec: replace(spec, security_options=()), "api holds-no-privileges", "no-new-privileges is not set"),
    ],
)
def test_missing_hardening_is_found(
    engine: Engine, images: Standins, forget: Callable[[ContainerSpec], ContainerSpec], rule: str, words: str
) -> None:
    """The rules see what the kernel does, not what the engine was asked for."""
    with Lenient(docker.DockerClient(engine.host, version="auto"), engine.host) as lenient:
        lenient.forget = forget
        failed, detail = failure(smoke.prove(lenient, images.settings(), "good", images.redis, on_check=lambda _: None))
    assert failed == rule
    assert words in detail


def test_other_uid_is_found(engine: Engine, images: Standins) -> None:
    """A process of another user than the settings' is named with its uid."""
    settings = images.settings(user=4242)
    failed, detail = failure(smoke.prove(engine, settings, "good", images.redis, on_check=lambda _: None))
    assert failed == "api uid"
    assert "runs as uid 10001, not 4242" in detail


def test_guarded_api_is_asked_with_its_token(engine: Engine, images: Standins) -> None:
    """A token that the settings give the API opens its writes to smoke too."""
    settings = images.settings("guarded", api={"environment": {"STANDIN": "guarded", "API_TOKEN": "s3cret"}})
    proof = smoke.prove(engine, settings, "good", images.redis, on_check=lambda _: None)
    assert proof.ok, proof.checks[-1]


def test_nothing_gets_in_or_out(engine: Engine, images: Standins) -> None:
    """No port is published on the engine's host, and the network leads nowhere."""
    seen: list[dict[str, Any]] = []

    def look(check: Check) -> None:
        if (check.role, check.rule) == ("api", "becomes-healthy"):
            (run,) = {each for each in engine.label_values(RUN_LABEL) if each.startswith(own_folder())}
            seen.extend(
                [
                    engine._api.inspect_container(f"weighbridge-{run}-api"),
                    engine._api.inspect_network(f"weighbridge-{run}"),
                ]
            )

    smoke.prove(engine, images.settings("unready"), "good", images.redis, on_check=look)
    container, network = seen
    assert not container["HostConfig"]["PortBindings"]
    assert not any((container["NetworkSettings"]["Ports"] or {}).values())
    assert network["Internal"]


def own_folder() -> str:
    """Return how the ids of this test's runs begin."""
    return Path(os.environ["XDG_CACHE_HOME"], "weighbridge", "runs", "name").read_text(encoding="ascii")


def test_missing_program_is_named(engine: Engine, images: Standins) -> None:
    """A command that the image does not hold, as in a multi-stage build that forgot the scripts, is named."""
    settings = images.settings(api={"command": ("uvicorn", "backend.main:app")})
    failed, detail = failure(smoke.prove(engine, settings, "good", images.redis, on_check=lambda _: None))
    assert failed in {"api starts", "api becomes-healthy"}
    assert "uvicorn" in detail
    assert "the image's CMD" in detail


def test_missing_image(engine: Engine, images: Standins) -> None:
    """An image that was never built is an error of its own, before anything is made."""
    settings = images.settings().model_copy(update={"repository": "weighbridge-test-nowhere"})
    with pytest.raises(NoSuchImage, match="weighbridge-test-nowhere:good"):
        smoke.prove(engine, settings, "good", images.redis, on_check=lambda _: None)
    with pytest.raises(NoSuchImage, match=r"no image weighbridge-test-nowhere:redis[.] Run `invoke engine`"):
        smoke.prove(engine, images.settings(), "good", "weighbridge-test-nowhere:redis", on_check=lambda _: None)
