"""The services that roles need, such as a database and a broker, which the smoke test starts for them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from weighbridge.settings.values import Argument, Bytes, Command, Reference, Section, require_match

RESERVED = frozenset(
    {"api", "worker", "client", "idle-api", "idle-worker", "second-worker", "api-read-only", "api-full", "keeper"}
)
"""The containers that the smoke test starts from the image have these names."""
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"


def _check_is_free(value: str) -> str:
    """Return the name if no other container has it."""
    if value in RESERVED:
        raise ValueError(f"{value} is the name of a container of the image; call the service something else")
    return value


ServiceName = Annotated[
    str,
    StringConstraints(max_length=63),
    require_match(_LABEL, "name of lower-case letters, digits and `-`, such as `db`"),
    AfterValidator(_check_is_free),
]
"""A label of DNS (RFC 1123), by which the roles reach the service."""
Alias = Annotated[
    str,
    StringConstraints(max_length=253),
    require_match(rf"{_LABEL}(?:\.{_LABEL})*", "host name in lower case, such as `db.internal`"),
    AfterValidator(_check_is_free),
]
_User = Annotated[
    str,
    Field(coerce_numbers_to_str=True),
    require_match(r"[A-Za-z0-9_.-]+(?::[A-Za-z0-9_.-]+)?", "user as Docker takes it, such as `999` or `999:999`"),
]
_Folder = Annotated[str, require_match(r"(/[A-Za-z0-9_.-]+)+", "absolute path of a folder, such as `/data`")]


class Service(Section):
    """A service that the roles need."""

    image: Reference
    environment: dict[Argument, Argument] = {}
    command: Command | None = None
    """None: that of the image; Redis and Valkey are told to keep nothing on disk."""
    user: _User | None = None
    """Name or number of the user, with a group if need be. None: that of the image, and 999 for Redis and Valkey."""
    ready: Command | None = None
    """Command to run in the service's container; exit code 0 means ready. None: what its kind of server needs."""
    aliases: tuple[Alias, ...] = ()
    """Further names by which the roles reach it."""
    writable: dict[_Folder, Bytes] = {}
    """Folder in memory -> its size. Those of PostgreSQL, RabbitMQ, Redis, Valkey, MySQL and MariaDB are known."""
