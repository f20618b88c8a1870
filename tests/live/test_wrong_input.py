"""What a user can get wrong: each is one line with a next step, and the exit code of its kind."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.live.conftest import Project, prove_standin
from tests.live.images import Standins
from weighbridge.engine.client import DockerEngine

pytestmark = pytest.mark.engine

NOBODY_HAS = "localhost:1/nobody/python:3.13"
NOWHERE = "unix:///nowhere/docker.sock"


@pytest.fixture
def plain(project: Project) -> Project:
    """Return a project that is right, with the variants `a` and `b`."""
    project.configure({"a": {}, "b": {}})
    project.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    return project


@pytest.mark.parametrize("task", ["engine", "build", "report", "smoke", "clean"])
def test_no_engine(plain: Project, task: str) -> None:
    """Every task that needs the engine tells where none answers and whose word made it look there."""
    error = plain.invoke(task, DOCKER_HOST=NOWHERE).failure(4)
    assert NOWHERE in error
    assert "unset DOCKER_HOST" in error


@pytest.mark.parametrize("task", ["build", "report", "smoke"])
def test_unknown_variant(plain: Project, task: str) -> None:
    """The unknown is named and the known are listed."""
    error = plain.invoke(task, "--variant", "a", "--variant", "nope").failure(2)
    assert error.startswith("error: Unknown variant nope. Choose from a, b ")


@pytest.mark.parametrize("task", ["report", "smoke"])
def test_unknown_format(plain: Project, task: str) -> None:
    """The known formats are listed."""
    assert "Unknown format xml. Choose from terminal, json" in plain.invoke(task, "--format", "xml").failure(2)


@pytest.mark.parametrize("task", ["report", "smoke"])
def test_image_that_is_not_built(plain: Project, task: str) -> None:
    """The image is named, and the task that makes it."""
    error = plain.invoke(task, "--variant", "b").failure(3)
    assert f"no image {plain.reference('b')}. Run `invoke build` first." in error


def test_foreign_image_that_is_not_there(plain: Project) -> None:
    """The error does not advise to build it, but gives the command that pulls it."""
    error = plain.invoke("report", "--image", f"docker:{plain.repository}-foreign:1").failure(3)
    assert "invoke build" not in error
    assert f"run `docker pull {plain.repository}-foreign:1`." in error


def test_name_that_no_image_can_have(plain: Project) -> None:
    """The error says that the name is invalid and how to write one."""
    error = plain.invoke("report", "--image", "docker:Bad Name").failure(3)
    assert "Bad Name is no valid image name. Write NAME:TAG" in error


def test_dockerfile_with_a_syntax_error(plain: Project) -> None:
    """The unknown instruction is named, and the file to mend."""
    plain.write("Dockerfile", "FROM scratch\nCOPPY Dockerfile /\n")
    error = plain.invoke("build", "--variant", "a").failure(5)
    assert "COPPY" in error
    assert "Correct Dockerfile and run `invoke build` again." in error


@pytest.mark.parametrize(
    "variant", [{"dockerfile": "missing.Dockerfile"}, {"target": "missing"}, {"context": "missing"}]
)
def test_variant_of_missing_parts(plain: Project, variant: Mapping[str, str]) -> None:
    """A Dockerfile, a stage or a context that is not there is named."""
    plain.configure({"a": variant})
    assert "missing" in plain.invoke("build").failure(5)


@pytest.mark.parametrize(
    ("task", "advice"), [("engine", "Correct its name in the settings"), ("build", "Run `invoke e")]
)
def test_base_that_cannot_be_had(plain: Project, task: str, advice: str) -> None:
    """A base image that nobody has is named; only `invoke engine` looks further than the engine."""
    plain.configure({"a": {}}, bases={"python": NOBODY_HAS})
    error = plain.invoke(task).failure(4)
    assert NOBODY_HAS in error
    assert advice in error


def test_reports_folder_that_is_none(plain: Project) -> None:
    """The folder is named; what stands in its place is left alone."""
    assert plain.invoke("build", "--variant", "a").code == 0
    plain.write("reports", "a file of the user's")
    error = plain.invoke("report", "--variant", "a").failure(2)
    assert f"{plain.folder / 'reports'} cannot be written: " in error
    assert "Make the folder writable or set reports.directory" in error
    assert (plain.folder / "reports").read_text() == "a file of the user's"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("weighbridge: {variants: {a: [", "invoke.yaml is no YAML: line 1: "),
        ("- a list", "invoke.yaml holds a list"),
        ("weighbridge: 5", "invoke.yaml: weighbridge: it has to be a section with keys, not 5"),
        ("weighbridge: {variants: {a: {targt: x}}}", "variants.a.targt"),
        ("weighbridge: {variants: {'A B': {}}}", "variants.A B"),
        ("weighbridge: {variants: {a: {}}, smoke: {timeout_seconds: soon}}", "smoke.timeout_seconds"),
        ("weighbridge: {variants: {a: {}}}\nrun: loud", "Invoke's own"),
        ("weighbridge: {variants: {a: {}}, roles: {worker: {command: celery worker}}}", "roles.worker.command"),
    ],
)
@pytest.mark.parametrize("task", ["build", "clean"])
def test_broken_settings(plain: Project, task: str, text: str, words: str) -> None:
    """The key or the line is named, before anything is done."""
    plain.write("invoke.yaml", text)
    error = plain.invoke(task).failure(2)
    assert words in error
    assert "invoke.yaml" in error


@pytest.mark.parametrize(
    ("name", "value"),
    [("INVOKE_WEIGHBRIDGE_SMOKE_TIMEOUT_SECONDS", "soon"), ("INVOKE_WEIGHBRIDGE_ROLES_API_COMMAND", "uvicorn")],
)
def test_environment_is_checked_like_the_file(plain: Project, name: str, value: str) -> None:
    """A variable of Invoke's that makes no sense is as wrong as the key that it sets, and is named."""
    roles = {"api": {"command": ["uvicorn"]}}
    plain.configure({"a": {}}, roles=roles, smoke={"timeout_seconds": 60})
    error = plain.invoke("smoke", **{name: value}).failure(2)
    assert name in error


def test_container_that_dies_at_once(engine: DockerEngine, project: Project, images: Standins) -> None:
    """Its exit code and last words are the error, its log stands above, and nothing is left."""
    prove_standin(project, images, "dies")
    done = project.invoke("smoke")
    error = done.failure(7)
    assert "good: api starts: exited with code 1 before it was healthy: the standin gives up" in error
    assert "invoke smoke --keep" in error
    assert "  the standin gives up" in done.stderr.splitlines()
    assert "✗ fails" in done.stdout
    assert not project.runs(engine)


def test_health_check_that_never_passes(engine: DockerEngine, project: Project, images: Standins) -> None:
    """What the health check says is the error, after no longer than the settings allow, and nothing is left."""
    prove_standin(project, images, "sick", timeout_seconds=6)
    error = project.invoke("smoke").failure(7)
    assert "good: api becomes-healthy: not healthy after 6 s, its health check says: the standin feels sick" in error
    assert "raise smoke.timeout_seconds" in error
    assert not project.runs(engine)
