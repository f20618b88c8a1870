"""The real command in a small project of its own, on the engine of this machine."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.backend.conftest import new_postgres_database, postgres_url, redis_url  # noqa: F401 - fixtures of theirs, for ours
from tests.live.images import Standins, standins
from weighbridge.build import bases
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine, connect
from weighbridge.engine.protocol import LABEL
from weighbridge.errors import EngineError, NoBaseImage, NoEngine
from weighbridge.settings.project import BaseRole, Bases
from weighbridge.smoke.stack.runs import RUN_LABEL

ROOT = Path(__file__).parents[2]
OFFICIAL = Bases()
# What of a user's environment would change how the command runs or prints.
_UNWANTED = ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    def failure(self, code: int) -> str:
        """Return the error; it is one line, the last, with a next step, and there is no traceback anywhere."""
        assert self.code == code, self.stdout + self.stderr
        assert "Traceback" not in self.stdout + self.stderr
        lines = self.stderr.splitlines()
        assert [line for line in lines if line.startswith("error: ")] == lines[-1:]
        _, period, advice = lines[-1].partition(". ")
        assert period, lines[-1]
        assert advice[0].isupper(), lines[-1]
        assert advice.endswith("."), lines[-1]
        return lines[-1]


@dataclass(frozen=True, slots=True)
class Project:
    """A copy of the project with settings and Dockerfiles of its own; its images have a name that nobody else uses."""

    folder: Path
    environment: Mapping[str, str]
    repository: str
    images: list[str] = field(default_factory=list)
    """Ids of images that lose their names and are to be removed at the end all the same."""
    program: str = "invoke"
    """The module that runs the tasks."""
    seconds: float = 300
    """The longest that a task may take."""

    def configure(self, variants: Mapping[str, object], **settings: object) -> None:
        """Write invoke.yaml; JSON is YAML too."""
        values = {"repository": self.repository, "variants": variants, **settings}
        self.write("invoke.yaml", json.dumps({"weighbridge": values}))

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        (self.folder / name).write_text(text, encoding="utf-8")

    def invoke(self, *words: str, **environment: str) -> Done:
        """Run a task to its end."""
        with self.start(*words, **environment) as process:
            try:
                stdout, stderr = process.communicate(timeout=self.seconds)
            finally:
                process.kill()
        return Done(process.returncode, stdout, stderr)

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Start a task in a process group of its own, as a shell does."""
        # A runner in the background may ignore Ctrl-C, and its children would inherit that; a handler they do not.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(
                [sys.executable, "-m", self.program, *words],
                cwd=self.folder,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        finally:
            signal.signal(signal.SIGINT, before)

    def reference(self, variant: str) -> str:
        """Return the name of a variant's image."""
        return f"{self.repository}:{variant}"

    def runs(self, engine: DockerEngine) -> frozenset[str]:
        """Return the smoke runs of this project of which the engine has anything."""
        name = Path(self.environment["XDG_CACHE_HOME"], "weighbridge", "runs", "name")
        if not name.exists():
            return frozenset()
        begin = name.read_text(encoding="ascii")
        return frozenset(run for run in engine.list_label_values(RUN_LABEL) if begin and run.startswith(begin))


@contextmanager
def made(engine: DockerEngine, folder: Path) -> Iterator[Project]:
    """Make a project in `folder`; remove everything that its commands left in the engine."""
    shutil.copy(ROOT / "tasks.py", folder)  # a copy, because it takes its own folder for the project's
    (folder / "weighbridge").symlink_to(ROOT / "weighbridge")
    with tidied(engine, folder, folder / "cache") as project:
        yield project


@contextmanager
def tidied(engine: DockerEngine, folder: Path, cache: Path) -> Iterator[Project]:
    """Give a project with a name of its own; remove everything that its commands left in the engine.

    Args:
        engine: The engine of this machine.
        folder: The project's. It need not exist yet.
        cache: What its commands remember is in this folder.
    """
    chosen = {name: value for name, value in os.environ.items() if not name.startswith("INVOKE_")}
    for name in _UNWANTED:
        chosen.pop(name, None)
    chosen["XDG_CACHE_HOME"] = str(cache)
    project = Project(folder, chosen, f"weighbridge-test-{os.getpid()}-{secrets.token_hex(3)}")
    try:
        yield project
    finally:
        for run in project.runs(engine):
            engine.remove_labelled(f"{RUN_LABEL}={run}")
        named = [name for name in engine.list_labelled_images(LABEL) if name.startswith(f"{project.repository}:")]
        for image in (*named, *project.images):
            with suppress(EngineError):
                engine.remove_image(image)


@pytest.fixture(scope="session")
def client() -> docker_cli.BuildClient:
    """A client that can build."""
    try:
        return docker_cli.find()
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerEngine]:
    """Return this machine's engine."""
    try:
        found = connect()
    except NoEngine as error:
        pytest.skip(str(error))
    with found:
        yield found


@pytest.fixture(scope="session")
def python_base(engine: DockerEngine) -> bases.BaseImage:
    """Return the Python base image of this machine."""
    return _base(engine, "python", OFFICIAL.python)


@pytest.fixture(scope="session")
def redis_base(engine: DockerEngine) -> bases.BaseImage:
    """Return the Redis image of this machine."""
    return _base(engine, "redis", OFFICIAL.redis)


def _base(engine: DockerEngine, role: BaseRole, official: str) -> bases.BaseImage:
    try:
        return bases.find_base_image(engine, role, official)
    except NoBaseImage as error:
        pytest.skip(str(error))


@pytest.fixture
def project(engine: DockerEngine, python_base: bases.BaseImage, tmp_path: Path) -> Iterator[Project]:  # noqa: ARG001
    """Return a project whose builds find their base."""
    with made(engine, tmp_path) as project:
        yield project


@pytest.fixture(scope="session")
def images(
    engine: DockerEngine,
    redis_base: bases.BaseImage,  # noqa: ARG001 - there must be one
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Standins]:
    """Return images with the smoke tests' small application."""
    with standins(engine, tmp_path_factory.mktemp("images")) as found:
        yield found


def prove_standin(
    project: Project, images: Standins, misbehaviour: str, *, timeout_seconds: float | None = None
) -> None:
    """Let the project prove the small application as the variant `good`, misbehaving as told."""
    settings: dict[str, Any] = images.settings(misbehaviour).model_dump(mode="json", exclude_none=True)
    if timeout_seconds is not None:
        settings["smoke"]["timeout_seconds"] = timeout_seconds
    chosen = {key: settings[key] for key in ("roles", "smoke")}
    project.configure({"good": {}}, **chosen, repository=images.repository)


def containers(engine: DockerEngine, label: str) -> Sequence[Mapping[str, Any]]:
    """Return what the engine lists of all containers with a label."""
    found: list[dict[str, Any]] = engine._api.containers(all=True, filters={"label": label})
    return found
