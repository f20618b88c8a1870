"""Roles and services of a repository without compose files are settings that pass the check, with reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from weighbridge.build.recipes import read_recipe
from weighbridge.settings.initial.applications import find_applications
from weighbridge.settings.initial.code import read_module
from weighbridge.settings.initial.document import Draft
from weighbridge.settings.initial.images import Image, read_image_start
from weighbridge.settings.initial.stack import Evidence, describe_stack
from weighbridge.settings.project import Settings, check

CODE = "import os\nfrom fastapi import FastAPI\nfrom celery import Celery\n"
APP = "app = FastAPI()\n"
JOBS = "jobs = Celery()\n"
PLAIN = "WORKDIR /app\nCOPY . .\n"


def describe(code: str, *dockerfiles: str, packages: frozenset[str] = frozenset(), names: str = "abc") -> Settings:
    """Return the checked settings for a module `shop.py` and some Dockerfiles."""
    return check(draft(code, *dockerfiles, packages=packages, names=names).values)


def draft(code: str, *dockerfiles: str, packages: frozenset[str] = frozenset(), names: str = "abc") -> Draft:
    """Return the draft of them."""
    module = read_module(CODE + code)
    assert module is not None
    modules, images = {"shop.py": module}, []
    for name, text in zip(names, dockerfiles, strict=False):
        recipe = read_recipe(f"FROM x\n{text}\n", None, {})
        start = read_image_start(Path("/nowhere"), ".", recipe)
        images.append(Image(dockerfile=f"{name}.Dockerfile", context=".", recipe=recipe, start=start))
    evidence = Evidence(
        images=images,
        modules=modules,
        packages=packages,
        places={"alembic.ini"},
        api=next(iter(find_applications(modules, "fastapi")), None),
        celery=next(iter(find_applications(modules, "celery")), None),
    )
    found = Draft()
    describe_stack(found, evidence)
    return found


def words(settings: Settings, role: str) -> Any:
    """Return the command of a role."""
    return settings.roles[role].command


def test_image_that_starts_nothing() -> None:
    """The servers are started on the applications of the source; a broker is there although nothing names one."""
    found = describe(APP + JOBS, PLAIN + "EXPOSE 9000")
    assert words(found, "api") == ("uvicorn", "shop:app", "--host", "0.0.0.0", "--port", "9000")  # noqa: S104
    assert words(found, "worker") == ("celery", "--app", "shop:jobs", "worker", "--loglevel", "INFO")
    assert ([*found.services], found.get_api("api").live) == (["rabbitmq"], "/openapi.json")


def test_image_that_starts_the_api() -> None:
    """Its command stays, and the worker gets a health check of its own where the image has one for the API."""
    found = describe(
        APP + JOBS, f'{PLAIN}HEALTHCHECK CMD curl http://localhost/up\nCMD ["uvicorn", "shop:app", "--port", "80"]'
    )
    assert (words(found, "api"), found.get_api("api").port, found.get_api("api").live) == (None, 80, "/up")
    assert found.roles["worker"].health == ("celery", "--app", "shop:jobs", "inspect", "ping")


def test_factories() -> None:
    """Uvicorn calls a factory itself; for Celery Python calls it, to start the worker and to ask it."""
    code = "def make():\n    return FastAPI()\ndef create():\n    return Celery()\n"
    found = describe(code, PLAIN)
    assert words(found, "api")[:3] == ("uvicorn", "--factory", "shop:make")
    assert "create().worker_main" in words(found, "worker")[2]
    assert "create().control" in draft(code, PLAIN).values["roles"]["worker"]["registered"][2]


def test_two_images() -> None:
    """Each role runs from the image that starts it."""
    found = describe(APP + JOBS, "CMD celery -A shop worker", "CMD uvicorn shop:app")
    assert {name: role.variant for name, role in found.roles.items()} == {"api": "b", "worker": "a"}


@pytest.mark.parametrize(("code", "role"), [(JOBS, "api"), (APP, "worker")])
def test_role_that_there_is_not(code: str, role: str) -> None:
    """Without an application there is no role."""
    assert role not in describe(code, PLAIN).roles


def test_schedule_and_migrations() -> None:
    """A schedule makes a beat, Alembic and a database make a command that runs first."""
    code = f"{APP}{JOBS}jobs.conf.beat_schedule = {{'a': {{}}}}\nurl = os.environ['DATABASE_URL']\n"
    found = describe(code, PLAIN, packages=frozenset({"alembic", "psycopg"}))
    assert words(found, "beat")[:4] == ("celery", "--app", "shop:jobs", "beat")
    assert found.smoke.before["migrate"].command == ("alembic", "upgrade", "head")
    assert "migrate" not in describe(code, PLAIN, packages=frozenset({"psycopg"})).smoke.before


def test_description_elsewhere() -> None:
    """Where the OpenAPI document is elsewhere or off, the settings say so, and a path of the source is asked."""
    found = describe("app = FastAPI(openapi_url=None)\n@app.get('/hello')\ndef hello(): ...\n", PLAIN).get_api("api")
    assert (found.openapi, found.live, found.ready) == (None, "/hello", "/hello")


def test_each_guess_has_its_reason() -> None:
    """Each role, variant, service and variable has a reason."""
    found = draft(APP + JOBS + "u = os.environ['REDIS_URL']\n", PLAIN)
    sections = [("variants",), ("roles",), ("smoke", "services"), ("smoke", "environment")]
    for path in sections:
        section: Any = found.values
        for key in path:
            section = section[key]
        assert {(*path, key) for key in section} <= found.reasons.keys()
