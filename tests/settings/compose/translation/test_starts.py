"""How a container starts, and as what."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from weighbridge.model.recipe import NOTHING, Recipe
from weighbridge.settings.compose.project import ComposeBuild, ComposeService
from weighbridge.settings.compose.translation.starts import (
    ends_by_itself,
    find_kind,
    find_scripted_app,
    is_test_run,
    read_start,
)

RECIPE = Recipe(entrypoint=("/entry",), command=("uvicorn", "a:a"))
Words = tuple[str, ...]


@pytest.mark.parametrize(
    ("entrypoint", "command", "words"),
    [
        (None, None, ("/entry", "uvicorn", "a:a")),
        (None, ("celery",), ("/entry", "celery")),
        (None, (), ("/entry", "uvicorn", "a:a")),
        (("sh",), None, ("sh",)),
        (("sh",), ("-x",), ("sh", "-x")),
        ((), None, ("uvicorn", "a:a")),
        ((), ("celery",), ("celery",)),
    ],
)
def test_words(entrypoint: Words | None, command: Words | None, words: Words) -> None:
    """An entrypoint takes the place of the image's and of its command; a command that of the command alone."""
    service = ComposeService(name="a", entrypoint=entrypoint, command=command)
    assert read_start(service, None, RECIPE).words == words


@pytest.mark.parametrize(
    ("name", "command", "kind"),
    [
        ("worker", "uvicorn a:a", "api"),
        ("web", "celery -A a worker", "worker"),
        ("web", "serve", "api"),
        ("my-app-2", "serve", "api"),
        ("celerybeat", "serve", "beat"),
        ("celery_beat", "serve", "beat"),
        ("task-scheduler", "serve", "beat"),
        ("celeryworker", "serve", "worker"),
        ("celery", "serve", "worker"),
        ("flower", "serve", "other"),
        ("webhook", "serve", None),
        ("apidocs", "serve", None),
        ("api", "npm run dev", "other"),
    ],
)
def test_kinds(name: str, command: str, kind: str | None) -> None:
    """The command tells the kind; if it does not, the name."""
    service = ComposeService(name=name, command=tuple(shlex.split(command)))
    assert find_kind(name, read_start(service, None, NOTHING)) == kind


def test_kinds_of_scripts(tmp_path: Path) -> None:
    """A script that starts this or that starts what the service is called."""
    (tmp_path / "run.sh").write_text("case $1 in a) uvicorn a:a;; b) celery -A a worker;; esac", encoding="utf-8")
    build = ComposeBuild(context=str(tmp_path))
    start = read_start(ComposeService(name="x", command=("./run.sh", "b")), build, NOTHING)
    assert [find_kind(name, start) for name in ("worker", "x", "beat")] == ["worker", "api", "api"]


@pytest.mark.parametrize(
    ("name", "command", "ends"),
    [
        ("x", "alembic upgrade head", True),
        ("x", "python -m app.initial_data", True),
        ("x", "bash scripts/prestart.sh", True),
        ("x", "flask --app x create_tables", True),
        ("migrations", "serve", True),
        ("createbuckets", "mc mb x", True),
        ("init-db", "x", True),
        ("x", "dumb-init python main.py", False),
        ("x", "tini -- serve --init", False),
        ("migrate", "uvicorn a:a", False),
        ("api", "sh -c 'alembic upgrade head'", True),
        ("migrate", "sh -c 'alembic upgrade head && uvicorn a:a'", False),
        ("recreator", "serve", False),
    ],
)
def test_what_ends(name: str, command: str, ends: bool) -> None:  # noqa: FBT001 - a column of the table
    """A command or a name can show that a service migrates, unless the command starts a server."""
    service = ComposeService(name=name, command=tuple(shlex.split(command)))
    assert ends_by_itself(name, read_start(service, None, NOTHING)) is ends


def test_what_tests() -> None:
    """A service that runs tests is told by its command."""
    service = ComposeService(name="a", command=("pytest",))
    assert is_test_run(read_start(service, None, NOTHING))
    assert not is_test_run(read_start(ComposeService(name="tests"), None, NOTHING))


def test_application_of_a_script(tmp_path: Path) -> None:
    """The application is told of a worker that a script starts, if nothing in the command shows it."""
    (tmp_path / "run.sh").write_text("celery --app=shop.jobs worker", encoding="utf-8")
    (tmp_path / "var.sh").write_text("celery -A $APP worker", encoding="utf-8")
    build = ComposeBuild(context=str(tmp_path))

    def find(*words: str) -> str | None:
        return find_scripted_app(read_start(ComposeService(name="x", command=words), build, NOTHING))

    assert find("./run.sh") == "shop.jobs"
    assert find("./var.sh") is None
    assert find("celery", "-A", "a", "worker", "--pidfile", "./run.sh") is None
