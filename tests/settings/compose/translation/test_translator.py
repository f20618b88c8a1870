"""Compose files as people write them become the settings that are stated by hand for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.stacks_in_compose import STACKS, Stack
from weighbridge.build.recipes import find_recipes
from weighbridge.model.recipe import Recipe
from weighbridge.settings.compose.project import ComposeProject
from weighbridge.settings.compose.reader import find, read
from weighbridge.settings.compose.translation.translator import Translation, translate
from weighbridge.settings.project import Settings, check


def translate_stack(stack: Stack, root: Path) -> Translation:
    """Return the translation of a stack's files."""
    project = read(find(root), environment=stack.environment, profiles=stack.profiles)
    return translate(project, root, find_recipes(project))


def resolve(values: Mapping[str, Any], root: Path) -> Mapping[str, Any]:
    """Return settings with the path of the folder above the project's, which the cases cannot know."""
    for variant in values["variants"].values():
        variant["context"] = variant["context"].replace("PARENT", str(root.parent))
    return values


def check_alone(values: Mapping[str, Any]) -> Settings:
    """Return settings with the roles that are given, and no others."""
    usual = dict.fromkeys({"api", "worker"} - values["roles"].keys())
    return check({**values, "roles": {**values["roles"], **usual}})


@pytest.mark.parametrize("name", STACKS)
def test_stacks(tmp_path: Path, name: str) -> None:
    """Each stack has the settings and the notes that are stated for it."""
    stack = STACKS[name]
    root = stack.write(tmp_path)
    found = translate_stack(stack, root)
    assert found.values == resolve(stack.values, root)
    assert found.notes == stack.notes
    roles = found.values["roles"]
    kinds = {name: role.kind for name, role in check_alone(found.values).roles.items()}
    assert kinds == {name: role["kind"] for name, role in roles.items()}
    assert [*kinds] == [*roles]


OF_PROCESS = {"entrypoint", "command", "user", "environment", "mounts", "writable"}
OF_ROLE = {
    *OF_PROCESS,
    "kind",
    "registered",
    "variant",
    "image",
    "working_dir",
    "aliases",
    "health",
    "ports",
    "grace_seconds",
}
OF_API = {"port", "live", "ready"}
OF_BEFORE = {*OF_PROCESS, "role", "variant", "image", "working_dir"}
OF_SERVICE = {*OF_PROCESS, "image", "ready", "aliases"}
IMAGES = ["postgres:17", "redis", "adminer", "shop", "shop:latest", "team/api"]
COMMANDS = [
    None,
    "uvicorn app:app --reload",
    "celery -A app worker",
    "sh -c 'alembic upgrade head'",
    "sh -c 'alembic upgrade head && gunicorn app:app'",
    "pytest",
    "./start.sh",
    "serve --to db",
]
names = st.sampled_from(["api", "db", "My_DB", "my-db", "worker", "client", "migrate", "redis", "a.b", "adminer"])
services = st.fixed_dictionaries(
    {},
    optional={
        "image": st.sampled_from(IMAGES),
        "build": st.sampled_from([".", "./other", "https://example.com/a.git", {"context": ".", "target": "x"}]),
        "command": st.sampled_from(COMMANDS),
        "entrypoint": st.sampled_from([None, [], ["tini", "--"], "celery"]),
        "environment": st.sampled_from([{"A": "http://db:1"}, {"A": "my-db"}, {}]),
        "restart": st.sampled_from(["no", "always"]),
        "container_name": st.sampled_from(["db", "one", "-"]),
        "ports": st.sampled_from([["80:8000"], [9000, 9001]]),
        "volumes": st.lists(st.sampled_from([".:/app", "/app/.venv", "data:/data", "./gone:/x"]), max_size=3),
        "healthcheck": st.sampled_from([{"test": "curl http://localhost/x"}, {"disable": True}, {"test": ["NONE"]}]),
        "working_dir": st.sampled_from(["/app/", "/", "app", "/a b"]),
        "stop_grace_period": st.sampled_from(["0s", "10s", "2h"]),
        "user": st.sampled_from(["1000:1000", ":", "root"]),
    },
)
waits = st.sampled_from(["service_started", "service_completed_successfully"])


@st.composite
def projects(draw: st.DrawFn) -> dict[str, Any]:
    """Return a compose file's services, each of which may wait for earlier ones."""
    found: dict[str, Any] = {}
    for name in draw(st.lists(names, unique=True, max_size=6)):
        service = draw(services)
        if not service.get("image") and not service.get("build"):
            service["image"] = "mongo"
        others = draw(st.lists(st.sampled_from([*found]), unique=True)) if found else []
        service["depends_on"] = {other: {"condition": draw(waits)} for other in others}
        found[name] = service
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(projects())
def test_any_project(tmp_path: Path, project: dict[str, Any]) -> None:
    """Each service is in one place or in a note; keys are those of our settings; the file's order does not matter."""
    (tmp_path / "other").mkdir(exist_ok=True)
    (tmp_path / "main.py").write_text("", encoding="utf-8")
    recipes = {name: Recipe(command=("fastapi", "run")) for name in project if name != "worker"}

    found = translate(read_services(tmp_path, project), tmp_path, recipes)

    roles, smoke = found.values["roles"], found.values["smoke"]
    check_alone(found.values)
    before = smoke.get("before", {})
    placed = [*roles, *smoke["services"], *before]
    left = [note.partition(MARK)[0] for note in found.notes if MARK in note]
    assert len({*placed}) == len(placed)
    assert len(placed) + len(left) == len(project)
    assert {*left} <= project.keys()
    assert found.values.keys() <= {"repository", "variants", "roles", "smoke"}
    assert smoke.keys() <= {"data", "services", "before"}
    assert all({*role} <= OF_ROLE | (OF_API if role["kind"] == "api" else set()) for role in roles.values())
    assert all({*each} <= OF_BEFORE for each in before.values())
    assert all({*each} <= OF_SERVICE and each["image"] for each in smoke["services"].values())
    variants = found.values.get("variants", {})
    assert all(each["variant"] in variants for each in (*roles.values(), *before.values()) if "variant" in each)
    assert all(each["role"] in roles for each in before.values() if "role" in each)
    backwards = dict(reversed(project.items()))
    assert translate(read_services(tmp_path, backwards), tmp_path, recipes) == found


MARK = " is left out, because "


def read_services(root: Path, services: Mapping[str, Any]) -> ComposeProject:
    """Return a project of these services."""
    path = root / "compose.yaml"
    path.write_text(json.dumps({"services": services, "volumes": {"data": {}}}), encoding="utf-8")
    return read([path], environment={})
