"""Names of containers and hosts, users and folders: what each may be, and which are ours."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from weighbridge.settings import names
from weighbridge.smoke.stack.blueprint import CLIENT, KEEPER, STUBS


def is_one(kind: Any, value: object) -> bool:
    """Tell whether a value is of a kind."""
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("value", ["api", "a", "0", "mail-worker", "a--b", "x" * 40, "clients", "before1", "stub"])
def test_names_of_roles(value: str) -> None:
    """A label of DNS is the name of a role, and so of its container."""
    assert is_one(names.RoleName, value)
    assert is_one(names.ServiceName, value)
    assert is_one(names.Alias, value)


@pytest.mark.parametrize("value", ["", "-a", "a-", "A", "a_b", "a b", "a\n", "x" * 41])
def test_names_that_no_role_can_have(value: str) -> None:
    """Nothing else is; a service may have a longer name."""
    assert not is_one(names.RoleName, value)
    assert is_one(names.ServiceName, value) is (value == "x" * 41)


@pytest.mark.parametrize(
    "value",
    [
        CLIENT,
        STUBS,
        KEEPER,
        "client-2",
        "idle-api",
        "second-worker",
        "due-beat",
        "before-migrate",
        "api-full",
        "before",
    ],
)
def test_names_of_ours(value: str) -> None:
    """No role, service or alias has the name of a container that the test starts by itself."""
    for kind in (names.RoleName, names.ServiceName, names.Alias):
        with pytest.raises(ValidationError, match=f"{value} is the name of a container of ours; choose another name"):
            TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("value", "fine"), [("db.internal", True), ("a.b-c.d", True), ("a..b", False), (".a", False), ("a.-b", False)]
)
def test_alias(value: str, fine: bool) -> None:  # noqa: FBT001 - a column
    """An alias may have dots, which a name may not."""
    assert is_one(names.Alias, value) is fine
    assert not is_one(names.RoleName, value)


@pytest.mark.parametrize(
    ("value", "fine"),
    [(1000, True), ("1000", True), ("app:app", True), ("1:2", True), ("a:b:c", False), ("", False), (":1", False)],
)
def test_user(value: object, fine: bool) -> None:  # noqa: FBT001 - a column
    """A user is a name or a number, with a group if need be."""
    assert is_one(names.User, value) is fine


@pytest.mark.parametrize(
    ("value", "fine"), [("/data", True), ("/a/b", True), ("/", False), ("a", False), ("/a/", False)]
)
def test_folder(value: str, fine: bool) -> None:  # noqa: FBT001 - a column
    """A folder is an absolute path, and not the root."""
    assert is_one(names.Folder, value) is fine
