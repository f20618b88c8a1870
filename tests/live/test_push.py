"""`invoke build --push` on a real engine, to a real registry: what was proven goes, by digest, and nothing else."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live import copies, images
from tests.live.conftest import Done, Project, made
from tests.sources.registry.test_repository import HASH, PASSWORD, log_in, running
from tests.support.registries import Handler, Registry
from weighbridge.build import bases
from weighbridge.engine.client import DockerEngine

pytestmark = [pytest.mark.engine, pytest.mark.services]

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
_DOCKERFILE = images._DOCKERFILE.replace("ARG PYTHON\n", "ARG PYTHON_IMAGE\n").replace("$PYTHON", "$PYTHON_IMAGE")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return host and port of a registry that takes everything."""
    copies.need("docker-registry")
    with copies.registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture(scope="module")
def standin(
    engine: DockerEngine,
    python_base: bases.BaseImage,  # noqa: ARG001 - its builds need one
    redis_base: bases.BaseImage,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Project]:
    """Return a project of the small application: `good` and its `twin` pass the smoke test, `root` does not.

    One for all tests: what one of them has proven need not be tried again in the next.
    """
    folder = tmp_path_factory.mktemp("project")
    with made(engine, folder) as project:
        settings = images.Standins(project.repository, redis_base.reference).settings()
        chosen: dict[str, Any] = settings.model_dump(mode="json", exclude_none=True)
        variants = {name: {"target": "root" if name == "root" else "good"} for name in ("good", "root", "twin")}
        project.configure(variants, roles=chosen["roles"], smoke=chosen["smoke"])
        project.write("Dockerfile", _DOCKERFILE)
        shutil.copy(images.STANDIN, folder)
        yield project


def change(engine: DockerEngine, project: Project) -> None:
    """Let the next build give an image that nobody has seen; the one that it takes the name from goes at the end."""
    path = project.folder / "standin.py"
    path.write_text(f"{path.read_text(encoding='utf-8')}# {secrets.token_hex()}\n", encoding="utf-8")
    for name in map(project.reference, ("good", "root", "twin")):
        if engine.has_image(name):
            project.images.append(engine.inspect_image(name).id)


def served(host: str, name: str, target: str) -> tuple[str, dict[str, Any]]:
    """Return what a registry has under a tag or a digest: its digest, computed here, and the document."""
    request = urllib.request.Request(f"http://{host}/v2/{name}/manifests/{target}", headers={"Accept": _MANIFEST})
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - our own registry
        data = answer.read()
    document: dict[str, Any] = json.loads(data)
    return f"sha256:{hashlib.sha256(data).hexdigest()}", document


def names(engine: DockerEngine, reference: str) -> list[str]:
    """Return every name and digest that an engine has for an image."""
    facts = engine._api.inspect_image(reference)
    return sorted([*facts["RepoTags"], *facts["RepoDigests"]])


def pushed(done: Done) -> dict[str, str]:
    """Return the references by digest that stand at the end of the output, by variant."""
    assert done.code == 0, done.stderr
    return dict(line.split() for line in done.stdout.splitlines() if "@sha256:" in line)


def tried(done: Done) -> bool:
    """Tell whether an image was smoke-tested."""
    return " rules hold" in done.stderr


def test_proven_image_is_pushed(engine: DockerEngine, standin: Project, registry: str) -> None:
    """An image without a proof is tried once; the registry has that very image, and the engine no name more."""
    change(engine, standin)
    first = standin.invoke("build", "--variant", "good", "--push", f"{registry}/team/x:1")
    assert tried(first)
    digest, manifest = served(registry, "team/x", "1")
    assert pushed(first) == {"good": f"{registry}/team/x@{digest}"}
    reference = standin.reference("good")
    assert engine.inspect_image(reference).id in {manifest["config"]["digest"], digest}
    own = [name for name in names(engine, reference) if not name.startswith(f"{standin.repository}@")]
    assert own == [reference]
    again = standin.invoke("build", "--variant", "good", "--push", f"{registry}/team/x:2")
    assert pushed(again) == pushed(first)
    assert not tried(again)


def test_proof_of_invoke_smoke_counts(engine: DockerEngine, standin: Project, registry: str) -> None:
    """What `invoke smoke` has proven is pushed as it is; a new image is proven anew."""
    change(engine, standin)
    assert standin.invoke("build", "--variant", "good").code == 0
    assert standin.invoke("smoke", "--variant", "good").code == 0
    done = standin.invoke("build", "--variant", "good", "--push", f"{registry}/proven:1")
    assert pushed(done)
    assert not tried(done)
    change(engine, standin)
    assert tried(standin.invoke("build", "--variant", "good", "--push", f"{registry}/proven:2"))


def test_the_same_bytes_are_weighed(standin: Project, registry: str, tmp_path: Path) -> None:
    """The report on the registry's image has the id and the shipped bytes of the engine's, and exact pull bytes."""
    found = pushed(standin.invoke("build", "--variant", "good", "--push", f"{registry}/weighed:1"))["good"]
    words = ("--image", f"docker:{standin.reference('good')}", "--image", f"registry:{found}", "--format", "json")
    done = standin.invoke("report", *words, INVOKE_WEIGHBRIDGE_REPORTS_DIRECTORY=str(tmp_path / "reports"))
    assert done.code == 0, done.stderr
    ours, theirs = json.loads(done.stdout)["images"]
    for field in ("id", "shipped_bytes", "live_bytes", "file_count"):
        assert ours[field] == theirs[field]
    assert theirs["shipped_bytes"] > 10**6
    assert theirs["pull"]["basis"] == "exact"


def test_what_does_not_run_is_not_pushed(engine: DockerEngine, standin: Project, registry: str) -> None:
    """Where one variant fails, none is pushed, also not the one that passes, and the log of the failure is shown."""
    done = standin.invoke("build", "--variant", "good", "--variant", "root", "--push", f"{registry}/failing:1")
    error = done.failure(7)
    assert error.startswith("error: Nothing is pushed: root: image runs-as-non-root: ")
    assert "@sha256:" not in done.stdout
    with urllib.request.urlopen(f"http://{registry}/v2/_catalog", timeout=20) as answer:
        assert "failing" not in json.loads(answer.read())["repositories"]
    assert not [name for name in names(engine, standin.reference("good")) if name.startswith(registry)]


def test_several_variants_get_tags_of_their_own(engine: DockerEngine, standin: Project, registry: str) -> None:
    """Each variant goes to the tag with its own name behind."""
    chosen = ("--variant", "good", "--variant", "twin")
    found = pushed(standin.invoke("build", *chosen, "--push", f"{registry}/several:1"))
    assert set(found) == {"good", "twin"}
    for variant, reference in found.items():
        digest, _ = served(registry, "several", f"1-{variant}")
        assert reference == f"{registry}/several@{digest}"
    assert not [name for name in names(engine, standin.reference("twin")) if name.startswith(registry)]


def test_name_that_another_image_has(
    engine: DockerEngine, standin: Project, registry: str, redis_base: bases.BaseImage
) -> None:
    """A name of the user's leads to the user's image again after the push."""
    name = f"{registry}/taken:1"
    engine.tag(redis_base.reference, name)
    try:
        done = standin.invoke("build", "--variant", "good", "--push", name)
        assert pushed(done)["good"].startswith(f"{registry}/taken@")
        assert engine.inspect_image(name).id == engine.inspect_image(redis_base.reference).id
        assert not [each for each in names(engine, standin.reference("good")) if each.startswith(registry)]
    finally:
        engine.remove_image(name)


def test_no_registry(engine: DockerEngine, standin: Project) -> None:
    """Where none answers, one line says so, and the name is gone again."""
    done = standin.invoke("build", "--variant", "good", "--push", "127.0.0.1:1/x:1")
    error = done.failure(4)
    assert error.startswith("error: 127.0.0.1:1/x:1 cannot be pushed: ")
    assert "connection refused. Check the name 127.0.0.1:1, " in error
    assert not [name for name in names(engine, standin.reference("good")) if name.startswith("127.0.0.1:1")]


def test_registry_that_wants_a_login(standin: Project, tmp_path: Path) -> None:
    """Without a login, or with a wrong one, the advice is to log in; Docker's own login opens, and is not shown."""
    folder, docker = tmp_path / "guarded", tmp_path / "docker"
    for each in (folder, docker):
        each.mkdir()
    (folder / "passwords").write_text(f"user:{HASH}\n")
    with running(folder, {"htpasswd": {"realm": "here", "path": str(folder / "passwords")}}) as host:
        outcomes = []
        for password in ("", "wrong", PASSWORD):
            if password:
                log_in(docker, host, password)
            words = ("build", "--variant", "good", "--push", f"{host}/guarded:1")
            outcomes.append(standin.invoke(*words, DOCKER_CONFIG=str(docker)))
    *refused, taken = outcomes
    for done in refused:
        assert f"Run `docker login {host}` as a user who may push there, then try again." in done.failure(4)
    assert pushed(taken)["good"].startswith(f"{host}/guarded@sha256:")
    assert not any(PASSWORD in done.stdout + done.stderr for done in outcomes)


def test_end_in_the_middle(engine: DockerEngine, standin: Project) -> None:
    """A push that the user ends, to a registry that is silent, leaves no name in the engine."""
    if engine.identity.store == "containerd":
        pytest.skip("this store asks with TLS first, to which our silent registry has no answer")

    def hold(handler: Handler) -> bool:
        handler.wait()
        return True

    with Registry(intercept=hold) as silent:
        words = ("build", "--variant", "good", "--push", f"{silent.host}/x:1")
        with standin.start(*words) as process:
            try:
                deadline = time.monotonic() + 120
                while not silent.requests:
                    assert process.poll() is None, process.communicate()
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                assert f"{silent.host}/x:1" in names(engine, standin.reference("good"))
                process.send_signal(signal.SIGTERM)
                _, stderr = process.communicate(timeout=60)
            finally:
                process.kill()
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in stderr
    assert not [name for name in names(engine, standin.reference("good")) if name.startswith(silent.host)]
