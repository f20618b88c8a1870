"""Services that roles need are kept, and those that nobody names are left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from weighbridge.settings.compose.project import ComposeBuild, ComposeProject, ComposeService
from weighbridge.settings.compose.translation.groups import sort_services
from weighbridge.settings.compose.translation.starts import Start


def find_needed(services: dict[str, Any], **role: Any) -> tuple[str, ...]:
    """Return the needed services of a role `api`; each has only an image unless it is given."""
    build = ComposeBuild(context=str(Path.cwd()))
    found = {"api": ComposeService(name="api", build=build, **role)}
    found |= {name: ComposeService(name=name, image="x", **keys) for name, keys in services.items()}
    project = ComposeProject(name="shop", services=found)
    return sort_services(project, {"api": build}, dict.fromkeys(found, Start())).services


@pytest.mark.parametrize(
    "text",
    [
        "db",
        "postgresql://user:pass@db:5432/app",
        "http://db",
        "//db/",
        "other:1,db:2",
        "host=db port=5432",
        "while ! </dev/tcp/db/5432; do sleep 1; done",
        "[db]",
    ],
)
def test_named_hosts(text: str) -> None:
    """A variable or a word of the command names a service as a host."""
    assert find_needed({"db": {}}, environment={"A": text}) == ("db",)
    assert find_needed({"db": {}}, command=(text,)) == ("db",)
    assert find_needed({"db": {}}, entrypoint=(text,)) == ("db",)


@pytest.mark.parametrize(
    "text", ["/run/db", "a-db", "db-a", "db.example.com", "x.db", "http://host/db", "/db", "mydb", "DB"]
)
def test_other_words(text: str) -> None:
    """Paths, parts of words and other hosts do not name it."""
    assert find_needed({"db": {}}, environment={"A": text}) == ()


def test_needs_of_needs() -> None:
    """What a needed service waits for or names is needed; what waits for one is not."""
    services = {
        "queue": {"depends_on": {"keeper": "service_started"}},
        "keeper": {"environment": {"STORE": "http://files.internal"}},
        "store": {"networks": {"default": ("files.internal",)}},
        "panel": {"depends_on": {"queue": "service_started"}},
    }
    assert find_needed(services, depends_on={"queue": "service_started"}) == ("keeper", "queue", "store")


def test_order_does_not_follow_the_file() -> None:
    """Services come after those that they wait for, and otherwise in the order of their names."""
    waits = {"b": "service_started"}
    services: dict[str, Any] = {"c": {}, "a": {"depends_on": waits}, "b": {}}
    text = {"A": "a b c"}
    assert find_needed(services, environment=text) == ("b", "a", "c")
    assert find_needed(dict(reversed(services.items())), environment=text) == ("b", "a", "c")
