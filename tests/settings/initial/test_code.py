"""What a Python module has is read from its text; nothing of it runs."""

from __future__ import annotations

import pytest

from weighbridge.settings.initial.code import Application, Module, Variable, read_module


def read(text: str) -> Module:
    """Return what a module has."""
    found = read_module(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "from fastapi import FastAPI\napp = FastAPI()",
        "import fastapi\napp: fastapi.FastAPI = fastapi.FastAPI()",
        "from fastapi import FastAPI as Web\ntry:\n    app = Web(title='x')\nexcept OSError:\n    raise",
        "from fastapi.applications import FastAPI\nif True:\n    app = FastAPI()",
    ],
)
def test_applications(text: str) -> None:
    """An application is found by its class, however that was imported, where importing the module makes it."""
    assert read(text).applications == (Application(library="fastapi", name="app"),)


@pytest.mark.parametrize(
    "text",
    ["class FastAPI: ...\napp = FastAPI()", "from other import Celery\napp = Celery()", "app = 5", "x = (1 / 0)()"],
)
def test_others_of_the_name(text: str) -> None:
    """A class of the same name from elsewhere is none of theirs."""
    assert read(text).applications == ()


def test_factories() -> None:
    """A function that returns one is a factory, directly or by a name; one that wants arguments cannot be called."""
    found = read(
        "from celery import Celery\ndef plain(name='x'):\n    app = Celery(name)\n    return app\n"
        "def wants(name):\n    return Celery(name)\n"
        "def wants_by_name(*, name):\n    return Celery(name)\ndef other():\n    return 5\n"
        "celery = plain()\n"
    )
    assert [(each.name, each.is_factory, each.needs_arguments) for each in found.applications] == [
        ("plain", True, False),
        ("wants", True, True),
        ("wants_by_name", True, True),
    ]
    assert found.made == {"celery": "plain"}


def test_routes_and_openapi() -> None:
    """Paths without parameters that the application answers to GET, and where its description is."""
    (found,) = read(
        "from fastapi import FastAPI, APIRouter\napp = FastAPI(openapi_url='/api/openapi.json')\nr = APIRouter()\n"
        "@app.get('/health')\nasync def a(): ...\n@app.get('/jobs/{id}')\ndef b(): ...\n"
        "@app.post('/jobs')\ndef c(): ...\n@r.get('/x')\ndef d(): ...\n"
    ).applications
    assert (found.routes, found.openapi) == (("/health",), "/api/openapi.json")
    (off,) = read("import fastapi\napp = fastapi.FastAPI(openapi_url=None)").applications
    assert off.openapi is None
    (named,) = read("import fastapi\napp = fastapi.FastAPI(openapi_url=f'{settings.PREFIX}/openapi.json')").applications
    assert named.openapi == "{PREFIX}/openapi.json"


def test_variables() -> None:
    """Variables and their defaults, of `os` and of pydantic's settings with their prefix."""
    found = read(
        "import os\nfrom pydantic_settings import BaseSettings\na = os.environ['A']\nb = os.getenv('B', 'redis://r')\n"
        "c = os.environ.get('C')\nos.environ['SET'] = 'x'\n"
        "class Settings(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='shop_')\n"
        "    url: str\n    count: int = Field(...)\n    size: int = 5\n    name: str = Field(default='n')\n"
    ).variables
    assert {each.name: each for each in found} == {
        "A": Variable(name="A"),
        "B": Variable(name="B", default="redis://r"),
        "C": Variable(name="C", default=""),
        "SHOP_URL": Variable(name="SHOP_URL"),
        "SHOP_COUNT": Variable(name="SHOP_COUNT", type="int"),
        "SHOP_SIZE": Variable(name="SHOP_SIZE", default="", type="int"),
        "SHOP_NAME": Variable(name="SHOP_NAME", default="n"),
    }


def test_addresses_and_schedule() -> None:
    """URLs of servers, and whether anything is sent by a schedule."""
    found = read("a = 'redis://cache:6379'\nb = 'https://x.example'\napp.conf.beat_schedule = {'a': 1}\n")
    assert (found.addresses, found.has_schedule) == (("redis://cache:6379",), True)
    assert not read("f(beat_schedule={})").has_schedule


@pytest.mark.parametrize(
    "text", ["def", "x = '\0'", "(" * 500, b"\xff\xfe", "print 'x'", f"@a{'.b' * 20000}.get('/')\ndef f(): ..."]
)
def test_no_python(text: str | bytes) -> None:
    """What is no Python of today tells nothing, and is no error."""
    assert read_module(text) is None


def test_nothing_runs(tmp_path: object) -> None:
    """Reading a module does not run it."""
    assert read_module(f"open({str(tmp_path)!r} + '/ran', 'w')\nraise SystemExit(1)") is not None
    assert not list(__import__("pathlib").Path(str(tmp_path)).iterdir())
