"""Programs that we know are found in commands, and told from words that only look like them."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.settings.compose.translation.programs import (
    classify,
    find_calls,
    find_in_script,
    runs_once,
    runs_tests,
)


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        ("uvicorn app:app", ("api",)),
        ("/usr/local/bin/gunicorn app:app", ("api",)),
        ("python -m uvicorn app:app", ("api",)),
        ("hypercorn app:app", ("api",)),
        ("granian --interface asgi app:app", ("api",)),
        ("fastapi run app.py", ("api",)),
        ("fastapi dev", ("api",)),
        ("fastapi --version", ()),
        ("poetry run celery -A app worker", ("worker",)),
        ("uv run --frozen -- celery --app=app beat", ("beat",)),
        ("celery worker -A app", ("worker",)),
        ("celery -A worker beat", ("beat",)),
        ("celery --app beat worker -B", ("worker",)),
        ("celery -A app.worker inspect ping", ()),
        ("celery -A app flower", ("other",)),
        ("flower --port=5555", ("other",)),
        ("wait-for-it celery:5672 -- uvicorn a:a", ("api",)),
        ("tini -- dumb-init gosu app celery -A a worker", ("worker",)),
        ("env A=uvicorn B=1 celery -A a worker", ("worker",)),
        ("sh -c 'pip install uvicorn && celery -A a worker'", ("worker",)),
        ("sh -c 'cd celery; exec uvicorn a:a'", ("api",)),
        ("bash -c 'celery -A a worker & celery -A a beat & wait'", ("worker", "beat")),
        ("sh -c 'celery -A a worker & uvicorn a:a'", ("api", "worker")),
        ("watchfiles 'celery -A a worker' src", ("worker",)),
        ("sh -c 'while ! nc -z db 5432; do sleep 1; done; uvicorn a:a'", ("api",)),
        ('sh -c "echo it\'s up; uvicorn a:a"', ()),
        ("python manage.py runserver", ("api",)),
        ("python manage.py migrate", ()),
        ("npm run dev", ("other",)),
        ("serve", ()),
        ("gunicorn -k uvicorn.workers.UvicornWorker a:a", ("api",)),
    ],
)
def test_kinds(line: str, kinds: tuple[str, ...]) -> None:
    """The servers that a command starts are found through shells and wrappers."""
    assert classify(find_calls(shlex.split(line))) == kinds


def test_what_ends() -> None:
    """Commands that migrate or test are no servers."""
    assert runs_once(find_calls(["sh", "-c", "alembic upgrade head"]))
    assert runs_once(find_calls(["python", "manage.py", "migrate"]))
    assert not runs_once(find_calls(["python", "manage.py", "runserver"]))
    assert not runs_once(find_calls(["uvicorn"]))
    assert runs_tests(find_calls(["uv", "run", "pytest"]))
    assert not runs_tests(find_calls(["test"]))


@pytest.mark.parametrize(
    ("text", "is_python", "kinds"),
    [
        ("#!/bin/sh\n# celery -A a worker\nexec uvicorn \\\n  a:a\n", False, ("api",)),
        ('exec "$@"\n', False, ()),
        (
            "[program:x]\ncommand = celery -A a worker\n[program:y]\ncommand=celery -A a beat\n",
            False,
            ("worker", "beat"),
        ),
        ("import uvicorn\n", True, ()),
        ("import uvicorn\nuvicorn.run(app)\n", True, ("api",)),
        ("app.worker_main(['worker'])\n", True, ("worker",)),
        ("celery.Beat().run()\n", True, ("beat",)),
    ],
)
def test_scripts(text: str, is_python: bool, kinds: tuple[str, ...]) -> None:  # noqa: FBT001 - a column of the table
    """So are those in a shell's script, in supervisord's file, and in Python."""
    assert classify(find_in_script(text, is_python=is_python)) == kinds


@given(st.lists(st.text(alphabet="celry uvion'\"\\;&|()$\n#", max_size=30)))
def test_any_words(words: list[str]) -> None:
    """Whatever a command consists of, it is read without an error."""
    find_calls(words)
    find_in_script("\n".join(words), is_python=False)
