"""The base images on a real engine: the stand-ins are what they stand in for, and are made once."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.conftest import Project
from weighbridge.build import bases, standins
from weighbridge.cache import Cache
from weighbridge.commands.weigh import weigh
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine
from weighbridge.engine.protocol import LABEL
from weighbridge.sources.locations import DOCKER, Location

pytestmark = pytest.mark.engine

ROOT = "weighbridge/debian:trixie-slim"
OFFICIAL_BYTES = 118_000_000
"""What python:3.13-slim-trixie ships."""
_SECONDS = 60


@pytest.fixture
def python(python_base: bases.BaseImage) -> str:
    """Return the Python stand-in."""
    return _standin(python_base)


@pytest.fixture
def redis(redis_base: bases.BaseImage) -> str:
    """Return the Redis stand-in."""
    return _standin(redis_base)


def _standin(base: bases.BaseImage) -> str:
    if not base.is_standin:
        pytest.skip(f"the official {base.official} is there, and no stand-in is used")
    return base.reference


def docker(engine: DockerEngine, words: Sequence[str]) -> str:
    """Run the client and return what it prints."""
    client = docker_cli.find()
    command = [str(client.path), *words]
    done = subprocess.run(
        command, env=client.build_environment(engine.host), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def run(engine: DockerEngine, image: str, *words: str) -> str:
    """Run a command in a container of an image and return what it prints."""
    return docker(engine, ["run", "--rm", "--network", "none", image, *words])


def test_python_is_the_version_that_it_stands_for(engine: DockerEngine, python: str) -> None:
    """`python3` and `python` are 3.13, `pip` is theirs, and nothing keeps pip from installing."""
    script = "import sys, os; print(*sys.version_info[:2], os.path.realpath(sys.executable))"
    by_name = {run(engine, python, name, "-c", script) for name in ("python", "python3")}
    assert by_name == {"3 13 /usr/bin/python3.13"}
    said = run(engine, python, "pip", "--version")
    assert said.startswith("pip ")
    assert said.endswith("(python 3.13)")
    assert run(engine, python, "sh", "-c", "ls /usr/lib/python3.13/EXTERNALLY-MANAGED || echo none").endswith("none")


def test_python_has_its_packages_in_the_official_place(engine: DockerEngine, python: str) -> None:
    """What is copied from site-packages in a Dockerfile for the official image is found here too."""
    script = "import site, os; print(os.path.realpath(site.getsitepackages()[0]))"
    assert run(engine, python, "python3", "-c", script) == "/usr/local/lib/python3.13/site-packages"


def test_python_holds_no_bytecode(engine: DockerEngine, python: str) -> None:
    """As in the official image; so what a build adds of it is the build's own."""
    find = "find / -xdev ( -name *.pyc -o -name __pycache__ ) -print"
    assert run(engine, python, *find.split()) == ""


def test_python_weighs_what_the_official_image_does(engine: DockerEngine, python: str, tmp_path: Path) -> None:
    """Within a tenth, so that figures of the variants on it mean something."""
    report = weigh({"base": Location(DOCKER, python)}, tmp_path, cache=Cache(tmp_path), engine=engine).report
    assert report.images[0].shipped_bytes == pytest.approx(OFFICIAL_BYTES, rel=0.1)


def test_standins_are_ours(engine: DockerEngine, python: str, redis: str) -> None:
    """They and what they stand on carry our label, and both begin with the layer of that root."""
    root = engine.inspect_image(ROOT)
    assert len(root.diff_ids) == 1
    for reference in (python, redis):
        image = engine.inspect_image(reference)
        assert image.labels[LABEL] == "image"
        assert image.diff_ids[:1] == root.diff_ids
    assert root.labels[LABEL] == "image"
    assert {ROOT, python, redis} <= standins.NAMES & set(engine.list_labelled_images(f"{LABEL}=image"))


def test_redis_answers_hardened(engine: DockerEngine, redis: str) -> None:
    """It serves as its own user 999, on a read-only root, without any capability."""
    hardened = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true", "--tmpfs", "/data"]
    container = docker(engine, ["run", "--detach", "--rm", "--network", "none", *hardened, redis])
    try:
        deadline = time.monotonic() + _SECONDS
        while engine.execute(container, ["redis-cli", "ping"]).streams.output != "PONG\n":
            assert time.monotonic() < deadline, engine.read_log(container)
            time.sleep(0.1)
        status = engine.execute(container, ["grep", "Uid:", "/proc/1/status"]).streams.output
        assert set(status.split()[1:]) == {"999"}
    finally:
        docker(engine, ["rm", "--force", container])


def test_engine_changes_nothing_that_is_there(
    engine: DockerEngine, project: Project, python_base: bases.BaseImage, redis_base: bases.BaseImage
) -> None:
    """`invoke engine` says what it found; run again it says the same, and images and .env stay as they are."""
    project.configure({"a": {}})
    project.write("compose.yaml", "services: {a: {build: {args: {PYTHON_IMAGE: }}}, redis: {image: $REDIS_IMAGE}}\n")
    env = project.folder / ".env"
    env.write_text("TOKEN=the user's\n", encoding="utf-8")
    references = [python_base.reference, redis_base.reference]
    before = [engine.inspect_image(reference).id for reference in references]
    first = project.invoke("engine")
    assert first.code == 0, first.stderr
    told = env.read_text(encoding="utf-8").splitlines()
    images = [line for line in told if not line.startswith("WEIGHBRIDGE_CA_BUNDLE=")]  # where it is not the usual one
    standins = [base for base in (python_base, redis_base) if base.is_standin]
    assert images == ["TOKEN=the user's", *(f"{base.role.upper()}_IMAGE={base.reference}" for base in standins)]
    stamp = env.stat().st_mtime_ns
    assert project.invoke("engine") == first
    assert (env.read_text(encoding="utf-8").splitlines(), env.stat().st_mtime_ns) == (told, stamp)
    assert [engine.inspect_image(reference).id for reference in references] == before
    lines = [line.split(maxsplit=1) for line in first.stdout.splitlines()]
    assert [name for name, _ in lines] == ["Engine", "Builder", "Python", "Redis"]
    assert [text for _, text in lines[2:]] == [python_base.described, redis_base.described]
    assert engine.identity.version in lines[0][1]


def test_pip_replaces_itself(engine: DockerEngine, client: docker_cli.BuildClient, project: Project) -> None:
    """As on the official image, `pip install --upgrade pip` and `pip install poetry` work on the stand-in."""
    standin = standins.find_standin("python:3.13-slim")
    assert standin is not None
    own = replace(standin, name=project.reference("python"))
    assert bases.ensure_standin(engine, client, own, "", print) == "built"
    project.configure({"a": {}})
    step = (
        "RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/pip \\\n"
        "    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \\\n"
        f"    : {secrets.token_hex()}; \\\n"
        "    pip install --no-compile --upgrade pip && pip install --no-compile poetry && pip check\n"
        "RUN pip --version && poetry --version && which pip poetry > /found"
    )
    project.write("Dockerfile", f"FROM {own.name}\n{step}\n")
    done = project.invoke("build")
    assert done.code == 0, done.stderr
    found = run(engine, project.reference("a"), "cat", "/found")
    assert found.split() == ["/usr/local/bin/pip", "/usr/local/bin/poetry"]
    installed = "import pip; print(pip.__version__, pip.__file__)"
    version, path = run(engine, project.reference("a"), "python3", "-c", installed).split()
    assert version != run(engine, own.name, "python3", "-c", installed).split()[0]
    assert path.startswith("/usr/local/lib/python3.13/")


def test_engine_prepares_named_services(engine: DockerEngine, project: Project, redis: str) -> None:
    """`invoke engine` prepares what `smoke.services` names, and no Redis besides; what cannot be had is one line."""
    project.configure({"a": {}}, smoke={"services": {"cache": {"image": "redis:7-alpine"}}})
    if engine.has_image("redis:7-alpine"):
        pytest.skip("this engine has the official image")
    found = project.invoke("engine")
    assert found.code == 0, found.stderr
    lines = [line.split(maxsplit=1) for line in found.stdout.splitlines()]
    assert [name for name, _ in lines] == ["Engine", "Builder", "Python", "cache"]
    assert lines[-1][1].startswith((f"{redis}, our stand-in for redis:7-alpine, present", "redis:7-alpine, pulled"))
    project.configure({"a": {}}, smoke={"services": {"search": {"image": "localhost:9/search:1"}}})
    for task in ("engine", "smoke"):
        told = project.invoke(task).failure(4)
        for word in ("search", "localhost:9/search:1", "smoke.services.search.image", "leave search out of"):
            assert word in told
