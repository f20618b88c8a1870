"""From a repository without settings to its first report and proof by two commands, also with something in the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live import adoption
from tests.live.adoption import Edit
from tests.live.conftest import Done, Project, tidied
from weighbridge.engine.client import DockerEngine

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ALL = ("engine", "build", "report", "smoke", "--profile", "works")
_SECONDS = 900
_FACTORY = """
import os

from celery import Celery


def create_celery():
    app = Celery(
        "app",
        broker=os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379"),
        backend=os.environ.get("CELERY_RESULT_BACKEND", "redis://localhost:6379"),
    )

    @app.task(name="shout")
    def shout(text):
        return text.upper() + "!"

    return app
"""
_CLIENT = """
from fastapi import Body, FastAPI

from app.factory import create_celery

app = FastAPI()


@app.post("/jobs", status_code=201)
def send_job(text: str = Body(embed=True)):
    return {"job_id": create_celery().send_task("shout", args=[text]).id}


@app.get("/")
def home():
    return {}
"""
_CHECK = (
    "HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \\\n    CMD "
    """["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=3)"]\n"""
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Something that a repository lacks, or has too much of."""

    application: str
    edits: tuple[Edit, ...] = ()
    removed: tuple[str, ...] = ()
    """Files."""
    words: tuple[str, ...] = ()
    """Options of `init`, which answer what it asks."""
    question: str = ""
    """What the error without these options contains; empty: there is none."""
    written: str = ""
    """What the settings contain."""


OBSTACLES = {
    "no-health-endpoint": Obstacle(
        application="split",
        edits=(
            Edit("api/main.py", '@app.get("/health")', '@app.get("/about")'),
            Edit("api/main.py", '@app.get("/ready")', '@app.get("/broker")'),
            Edit("api/Dockerfile", _CHECK, ""),
        ),
        written="/openapi.json is taken for `live` and `ready`",
    ),
    "several-dockerfiles": Obstacle(
        application="tutorial",
        edits=(
            Edit("cuda.Dockerfile", "", "FROM nothing\n"),
            Edit("slim.Dockerfile", "", (adoption.FOLDER / "tutorial" / "Dockerfile").read_text(encoding="utf-8")),
        ),
        removed=("compose.yaml", "Dockerfile"),
        words=("--dockerfile", "slim.Dockerfile"),
        question="--dockerfile cuda.Dockerfile",
        written="dockerfile: slim.Dockerfile",
    ),
    "two-applications": Obstacle(
        application="tutorial",
        edits=(Edit("app/admin.py", "", "from fastapi import FastAPI\n\nadmin = FastAPI(title=1 / 0)\n"),),
        removed=("compose.yaml",),
        words=("--app", "app/main.py:app"),
        question="--app app/admin.py:admin",
        written="app.main:app",
    ),
    "celery-factory": Obstacle(
        application="tutorial",
        edits=(Edit("app/factory.py", "", _FACTORY), Edit("app/web.py", "", _CLIENT)),
        removed=("compose.yaml", "app/main.py", "app/tasks.py"),
        written="create_celery().worker_main",
    ),
    "no-compose-file": Obstacle(
        application="template",
        removed=("compose.yaml",),
        written="postgresql+psycopg://app:app@db:5432/app",
    ),
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what the commands of this module share, so that they read each layer once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def place(engine: DockerEngine, cache: Path, tmp_path: Path) -> Iterator[Project]:
    """Return a project whose folder does not exist yet."""
    with tidied(engine, tmp_path / "project", cache) as project:
        yield project


def strip(project: Project, application: str, edits: tuple[Edit, ...] = (), removed: tuple[str, ...] = ()) -> Project:
    """Copy an application as somebody has it who has never heard of us."""
    found = adoption.adopt(project, application, edits)
    for name in (adoption.SETTINGS, *removed):
        (found.folder / name).unlink()
    for path in found.folder.glob("*.Dockerfile"):
        path.write_text(adoption.trust(path.read_text(encoding="utf-8")), encoding="utf-8")
    return found


def run_all(project: Project) -> Done:
    """Run the command that `init` names next."""
    with project.start(*ALL) as process:
        try:
            stdout, stderr = process.communicate(timeout=_SECONDS)
        finally:
            process.kill()
    return Done(process.returncode, stdout, stderr)


@pytest.mark.parametrize("application", adoption.NAMES)
def test_two_commands(place: Project, application: str) -> None:
    """`init` and the command that it names take a repository to its first report and proof; then budgets are added."""
    project = strip(place, application)
    done = project.invoke("init")
    assert done.code == 0, done.stderr
    assert f"`weighbridge {' '.join(ALL)}`" in done.stdout
    done = run_all(project)
    assert done.code == 0, done.stdout + done.stderr
    assert list((project.folder / "reports").glob("*.json"))
    done = project.invoke("init", "--check")
    assert done.code == 0, done.stdout + done.stderr
    done = project.invoke("init", "--budgets")
    assert done.code == 0, done.stdout + done.stderr
    assert project.invoke("report").code == 0


@pytest.mark.parametrize("name", OBSTACLES)
def test_obstacle(place: Project, name: str) -> None:
    """What is in the way leads to settings that run, or to a question that an option answers, and then to them."""
    obstacle = OBSTACLES[name]
    project = strip(place, obstacle.application, obstacle.edits, obstacle.removed)
    if obstacle.question:
        assert obstacle.question in project.invoke("init").failure(2)
        assert not (project.folder / adoption.SETTINGS).exists()
    done = project.invoke("init", *obstacle.words)
    assert done.code == 0, done.stderr
    text = " ".join((project.folder / adoption.SETTINGS).read_text(encoding="utf-8").replace("#", "").split())
    assert obstacle.written in text
    done = run_all(project)
    assert done.code == 0, done.stdout + done.stderr
