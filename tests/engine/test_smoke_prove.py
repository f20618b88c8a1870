"""Smoke on a real engine: an image that is right passes, and each thing that can be wrong is found and named."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.engine.images import Standins, prove
from tests.smoke.fakes import Told, contents
from weighbridge import smoke
from weighbridge.checks import Check, Proof
from weighbridge.containers import ContainerSpec, Created
from weighbridge.engine import Engine
from weighbridge.errors import NoSuchImage
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


def failures(proof: Proof) -> dict[str, str]:
    """Return what failed, title -> detail."""
    return {f"{check.role} {check.rule}": check.detail for check in proof.checks if check.outcome == "failed"}


def only_failure(proof: Proof) -> tuple[str, str]:
    """Return title and detail of the one rule that failed; the detail is one line."""
    ((title, detail),) = failures(proof).items()
    assert "\n" not in detail
    return title, detail


def run_of(proof: Proof) -> str:
    """Return the id of the run whose containers the checks name."""
    (name,) = {check.detail for check in proof.checks if check.role == "api" and check.rule == "starts"}
    return name.removeprefix("weighbridge-").removesuffix("-api")


def test_good_image_passes(engine: Engine, images: Standins) -> None:
    """Every rule is tried in order, told as it begins and as it is done, figures are taken, and nothing is left."""
    settings, told = images.settings(), Told()
    (proof,) = prove(engine, settings, images.redis, "good", watcher=told)
    assert failures(proof) == {}
    assert tuple(told.checks) == proof.checks
    expected = [rule.title for rule in rules(settings, contents())]
    assert [f"{check.role} {check.rule}" for check in proof.checks] == expected
    assert [title for event, _, title in told.events if event == "began"] == expected
    assert told.events[-1] == ("ended", "good", "passed")
    assert (proof.log, proof.logs) == ("", {})
    assert not {run_of(proof)} & engine.label_values(RUN_LABEL)
    figures = proof.figures
    assert 0 < (figures.api_live_seconds or 0) <= (figures.api_ready_seconds or 0) < 20
    assert 0 < (figures.worker_ready_seconds or 0) < 20
    assert 10**6 < (figures.api_memory_bytes or 0) < 10**8
    assert 10**6 < (figures.worker_memory_bytes or 0) < 10**8


@pytest.mark.parametrize(
    ("misbehaviour", "rule", "words"),
    [
        ("dies", "api starts", "exited with code 1 before it was healthy: the standin gives up"),
        ("sick", "api becomes-healthy", "not healthy after 4 s, its health check says: the standin feels sick"),
        ("unready", "api ready", "GET /readyz answered 503"),
        ("forgets", "api keeps-things", "POST /things answered 201, not 200"),
        ("miscounts", "stack sum-travels", "answered sum = 6, not 5"),
    ],
)
def test_misbehaviour_is_named(engine: Engine, images: Standins, misbehaviour: str, rule: str, words: str) -> None:
    """The rule that does not hold says why in one line, the logs are kept, and nothing is left."""
    (proof,) = prove(engine, images.settings(misbehaviour), images.redis, "good")
    found = failures(proof)
    if misbehaviour == "sick":  # the worker asks the same health check
        assert found.pop("worker becomes-healthy")
    ((failed, detail),) = found.items()
    assert failed == rule
    assert words in detail
    assert proof.logs.keys() >= {"redis", "worker"} or misbehaviour == "sick"
    assert not proof.ok
    assert not engine.label_values(RUN_LABEL) & {run for run in engine.label_values(RUN_LABEL) if own(run)}


@pytest.mark.parametrize(
    ("variant", "rule", "words"),
    [
        ("root", "image runs-as-non-root", "names no user, so it runs as root; end its Dockerfile with `USER 10001"),
        ("volume", "root-filesystem-is-read-only", "files can be made in /srv/mine; drop that VOLUME"),
    ],
)
def test_image_at_fault_is_named(engine: Engine, images: Standins, variant: str, rule: str, words: str) -> None:
    """What is wrong with the image itself is said in the words of its Dockerfile, for each role that it concerns."""
    (proof,) = prove(engine, images.settings(), images.redis, variant)
    found = failures(proof)
    assert found.keys() <= {rule, f"api {rule}", f"worker {rule}"}
    assert all(words in detail for detail in found.values())
    assert found


@pytest.mark.parametrize(
    ("forget", "rule", "words"),
    [
        (lambda spec: replace(spec, read_only=False), "root-filesystem-is-read-only", "mounted for writing"),
        (lambda spec: replace(spec, drop_capabilities=()), "holds-no-privileges", "capabilities are left"),
        (lambda spec: replace(spec, security_options=()), "holds-no-privileges", "no-new-privileges is not set"),
    ],
)
def test_missing_hardening_is_found(
    engine: Engine, images: Standins, forget: Callable[[ContainerSpec], ContainerSpec], rule: str, words: str
) -> None:
    """The rules see what the kernel does, not what the engine was asked for."""
    with Lenient(docker.DockerClient(engine.host, version="auto"), engine.host) as lenient:
        lenient.forget = forget
        (proof,) = prove(lenient, images.settings(), images.redis, "good")
    found = failures(proof)
    assert found.keys() == {f"api {rule}", f"worker {rule}"}
    assert all(words in detail for detail in found.values())


def test_other_uid_is_found(engine: Engine, images: Standins) -> None:
    """A process of another user than the settings' is named with its uid."""
    (proof,) = prove(engine, images.settings(user=4242), images.redis, "good")
    found = failures(proof)
    assert found.keys() == {"api uid", "worker uid"}
    assert "runs as uid 10001, not 4242" in found["api uid"]


def test_accepted_rule(engine: Engine, images: Standins) -> None:
    """What invoke.yaml accepts is told with its reason, and what needs it is tried all the same."""
    settings = images.settings()
    accepted = settings.variants["root"].model_copy(update={"accepts": {"runs-as-non-root": "for the test"}})
    changed = settings.model_copy(update={"variants": {"root": accepted}})
    (proof,) = prove(engine, changed, images.redis, "root")
    (waived,) = [check for check in proof.checks if check.outcome == "waived"]
    assert (waived.rule, waived.ok) == ("runs-as-non-root", True)
    assert waived.detail.endswith("; accepted: for the test")
    assert {"api uid", "worker uid"} <= failures(proof).keys()


def test_guarded_api_is_asked_with_its_token(engine: Engine, images: Standins) -> None:
    """Headers that the settings give opens the API's writes to smoke too."""
    settings = images.settings("guarded", api={"headers": {"Authorization": "Bearer s3cret"}})
    (proof,) = prove(engine, settings, images.redis, "good")
    # What is sent while it ends goes without: the stand-in says 401, which is an answer.
    assert failures(proof) == {}


def test_nothing_gets_in_or_out(engine: Engine, images: Standins) -> None:
    """No port is published on the engine's host, and the network leads nowhere."""
    seen: list[dict[str, Any]] = []

    class Looking(Told):
        def checked(self, variant: str, check: Check) -> None:
            super().checked(variant, check)
            if (check.role, check.rule) == ("api", "becomes-healthy"):
                (run,) = {each for each in engine.label_values(RUN_LABEL) if own(each)}
                seen.append(engine._api.inspect_container(f"weighbridge-{run}-api"))
                seen.append(engine._api.inspect_network(f"weighbridge-{run}"))

    prove(engine, images.settings("unready"), images.redis, "good", watcher=Looking())
    container, network = seen
    assert not container["HostConfig"]["PortBindings"]
    assert not any((container["NetworkSettings"]["Ports"] or {}).values())
    assert network["Internal"]


def own(run: str) -> bool:
    """Tell whether a run is this test's."""
    name = Path(os.environ["XDG_CACHE_HOME"], "weighbridge", "runs", "name")
    return run.startswith(name.read_text(encoding="ascii"))


def test_missing_program_is_named(engine: Engine, images: Standins) -> None:
    """A command that the image does not hold, as in a multi-stage build that forgot the scripts, is named."""
    settings = images.settings(api={"command": ("uvicorn", "backend.main:app")})
    (proof,) = prove(engine, settings, images.redis, "good")
    failed, detail = only_failure(proof)
    assert failed == "api starts"
    assert "uvicorn" in detail
    assert "the image's CMD" in detail


def test_variants_side_by_side(engine: Engine, images: Standins) -> None:
    """Each has its own stack and its own verdict, in the order that was asked for; all begin before the first ends."""
    told = Told()
    good, root = prove(engine, images.settings(), images.redis, "good", "root", watcher=told)
    assert (good.variant, good.ok) == ("good", True)
    assert (root.variant, root.ok) == ("root", False)
    begins = {variant: told.events.index(("began", variant, "image runs-as-non-root")) for variant in ("good", "root")}
    first_end = min(place for place, event in enumerate(told.events) if event[0] == "ended")
    assert max(begins.values()) < first_end


def test_missing_image(engine: Engine, images: Standins) -> None:
    """An image that was never built, or no Redis, is an error of its own, before anything is made."""
    with pytest.raises(NoSuchImage, match="weighbridge-test-nowhere:good"):
        smoke.check_images(engine, ["weighbridge-test-nowhere:good"])
    with pytest.raises(NoSuchImage, match=r"no image weighbridge-test-nowhere:redis[.] Run `invoke engine`"):
        prove(engine, images.settings(), "weighbridge-test-nowhere:redis", "good")
