"""Which applications there are, and how Python calls them in an image."""

from __future__ import annotations

import pytest

from weighbridge.build.recipes import read_recipe
from weighbridge.settings.initial.applications import Found, choose_path, find_applications, name_module
from weighbridge.settings.initial.code import Application, Module, read_module

_FACTORY = "from celery import Celery\ndef create(name='x'):\n    return Celery(name)\n"


def modules(**texts: str) -> dict[str, Module]:
    """Return modules by their paths."""
    found = {f"{name}.py": read_module(text) for name, text in texts.items()}
    return {place: module for place, module in found.items() if module}


@pytest.mark.parametrize(
    ("texts", "names"),
    [
        ({"a": _FACTORY}, [("a.py:create", True)]),
        ({"a": _FACTORY, "b": "from a import create\ncelery = create()\n"}, [("b.py:celery", False)]),
        ({"a": _FACTORY, "b": "import a\ncelery = a.create()\n"}, [("b.py:celery", False)]),
        ({"a": _FACTORY.replace("='x'", "")}, []),
        ({"a": _FACTORY.replace("='x'", "") + "app = create('y')\n"}, [("a.py:app", False)]),
        ({"a": "from fastapi import FastAPI\napp = FastAPI()\n"}, []),
    ],
)
def test_factories(texts: dict[str, str], names: list[tuple[str, bool]]) -> None:
    """What a factory makes counts where a module keeps it; else the factory, if anybody can call it."""
    found = find_applications(modules(**texts), "celery")
    assert [(each.name, each.application.is_factory) for each in found] == names


@pytest.mark.parametrize(
    ("text", "place", "context", "module"),
    [
        ("WORKDIR /app\nCOPY . .", "shop/main.py", ".", "shop.main"),
        ("WORKDIR /code\nCOPY ./src /code", "src/main.py", ".", "main"),
        ("WORKDIR /code\nCOPY ./app /code/app", "app/main.py", ".", "app.main"),
        ("WORKDIR /srv\nCOPY main.py .", "api/main.py", "api", "main"),
        ("WORKDIR /srv\nCOPY main.py /srv/web.py", "main.py", ".", "web"),
        ("WORKDIR /srv\nCOPY x.py .", "shop/__init__.py", ".", "shop"),
    ],
)
def test_names(text: str, place: str, context: str, module: str) -> None:
    """A module's name starts at the image's working folder, wherever the Dockerfile has copied it from."""
    assert name_module(place, context, read_recipe(f"FROM x\n{text}\n", None, {})) == module


def test_paths() -> None:
    """The path that is called as health checks are, and none for what has no such."""
    found = Found("a.py", Application(library="fastapi", name="app", routes=("/", "/healthz", "/readyz")))
    assert (choose_path(found, "live"), choose_path(found, "ready")) == ("/healthz", "/readyz")
    assert choose_path(Found("a.py", Application(library="fastapi", name="app", routes=("/",))), "live") is None
    assert choose_path(None, "ready") is None


@pytest.mark.parametrize(("default", "path"), [(" = '/api/v1'", "/api/v1/openapi.json"), ("", None)])
def test_description_below_a_prefix_of_the_settings(default: str, path: str | None) -> None:
    """A path that is made of a setting's default is known; one of a setting without default is not."""
    web = "from fastapi import FastAPI\napp = FastAPI(openapi_url=f'{settings.API_V1_STR}/openapi.json')\n"
    settings = f"class Settings(BaseSettings):\n    API_V1_STR: str{default}\n"
    (found,) = find_applications(modules(web=web, config=settings), "fastapi")
    assert found.application.openapi == path
