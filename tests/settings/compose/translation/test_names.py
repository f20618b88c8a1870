"""Services get names that our settings take, and keep the names by which others know them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.settings.compose.project import ComposeProject, ComposeService
from weighbridge.settings.compose.translation.names import list_aliases, name_repository, name_services


def project(*names: str) -> ComposeProject:
    """Return a project of services that have only names."""
    return ComposeProject(name="shop", services={name: ComposeService(name=name) for name in names})


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["db"], ["db"]),
        (["my_db", "my-db"], ["my-db-2", "my-db"]),
        (["My.DB"], ["my-db"]),
        (["api", "worker"], ["api", "worker"]),
        (["api", "client"], ["api", "own-client"]),
        (["client", "own-client"], ["own-client-2", "own-client"]),
        (["___"], ["service"]),
        (["a" * 80, "a" * 81], ["a" * 40, "a" * 38 + "-2"]),
    ],
)
def test_names(names: list[str], expected: list[str]) -> None:
    """A name is a label of DNS, of this service alone, and none of our own containers'."""
    assert name_services(project(*names)) == dict(zip(names, expected, strict=True))


@given(st.lists(st.from_regex("[a-zA-Z0-9._-]{1,70}", fullmatch=True), unique=True))
def test_any_names(names: list[str]) -> None:
    """Whatever Compose takes as names, no two become one, and each is a label."""
    found = name_services(project(*names))
    assert len({*found.values()}) == len(names)
    assert all(re.fullmatch("[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name) for name in found.values())


def test_aliases() -> None:
    """A service is known by its own name, by its container's, and by those that networks give it, but once."""
    services = [
        ComposeService(name="my_db", container_name="Shop-DB", networks={"b": ("db", "x"), "a": ("a.b", "db")}),
        ComposeService(name="x", hostname="rabbit", networks={"a": ("db", "client", "-", "y z")}),
    ]
    names = {"my_db": "my-db", "x": "x"}
    assert list_aliases(services, names) == {"my_db": ["my_db", "shop-db", "a.b", "db"], "x": ["rabbit"]}


@pytest.mark.parametrize(
    ("name", "repository"),
    [("shop", "shop"), ("my_shop-2", "my_shop-2"), ("a___b", "a__b"), ("a-_-b_", "a-b"), ("a--b", "a--b")],
)
def test_repositories(name: str, repository: str) -> None:
    """The name of a project becomes one that images can have."""
    assert name_repository(ComposeProject(name=name, services={})) == repository
