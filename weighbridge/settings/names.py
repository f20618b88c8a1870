"""Names of containers and hosts, users, and folders in containers, as the settings write them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from weighbridge.settings.values import require_match

LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
"""A label of DNS (RFC 1123), in lower case."""
_PART = r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"
"""Engines resolve names with `_`, too, and compose files have them."""
LONGEST = 40
"""Characters of a role's name, before which the run's is put."""
_OURS = re.compile(r"(?:client|idle|second|due|before)(?:-.*)?|stubs|keeper|api-read-only|api-full")
"""Names of the containers that the smoke test starts besides roles and services."""


def is_free(name: str) -> bool:
    """Tell whether no container of ours has a name."""
    return not _OURS.fullmatch(name)


def check_is_free(value: str) -> str:
    """Return the name if no container of ours has it."""
    if not is_free(value):
        raise ValueError(f"{value} is the name of a container of ours; choose another name")
    return value


RoleName = Annotated[
    str,
    StringConstraints(max_length=LONGEST),
    require_match(LABEL, "name of lower-case letters, digits and `-`, such as `api`"),
    AfterValidator(check_is_free),
]
"""A role's name is that of its container, by which the others reach it."""
ServiceName = Annotated[
    str,
    StringConstraints(max_length=63),
    require_match(LABEL, "name of lower-case letters, digits and `-`, such as `db`"),
    AfterValidator(check_is_free),
]
"""The name by which the roles reach a service."""
Alias = Annotated[
    str,
    StringConstraints(max_length=253),
    require_match(rf"{_PART}(?:\.{_PART})*", "host name in lower case, such as `db.internal`"),
    AfterValidator(check_is_free),
]
User = Annotated[
    str,
    Field(coerce_numbers_to_str=True),
    require_match(r"[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)?", "user as Docker takes it, such as `999` or `999:999`"),
]
Folder = Annotated[str, require_match(r"(/[A-Za-z0-9_.-]+)+", "absolute path of a folder, such as `/data`")]
