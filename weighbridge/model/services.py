"""The kinds of services that the smoke test knows: how each is run, asked whether it is ready, and stood in for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from weighbridge.model.reference import strip_tag

_VERSION = r"(\d+(?:\.\d+)+)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is known of a kind of services. The defaults are those of an image that nobody knows."""

    ready: tuple[str, ...] = ()
    """Command to run in the container: exit code 0 means ready. Empty: it is ready once it runs."""
    answer: str = ""
    """Regular expression that the command's output must match, too."""
    version: tuple[str, ...] = ()
    """Command to run in the container that prints the server's version; empty: nothing does."""
    version_pattern: str = _VERSION
    """Regular expression whose first group finds the version in that output."""
    command: tuple[str, ...] = ()
    """Empty: that of the image."""
    user: str = ""
    """Empty: that of the image."""
    environment: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, int] = field(default_factory=dict)
    """Path of a folder that the server writes its data to -> how many bytes it may hold."""
    keeps_data: bool = True
    """Whether the server, started by that command, finds in these folders what it had when it was killed."""
    hardened: bool = False
    """Whether it runs on a read-only root, without capabilities."""
    standin: str = ""
    """Name of the image that we can build in place of an official one; empty: none."""
    recipe: str = ""
    """Name of the stand-in's Dockerfile, without its ending."""


def _build_redis_like(name: str, standin: str) -> Kind:
    """Return the kind of Redis, or of a server that is made after it: it keeps nothing on disk."""
    return Kind(
        ready=(f"{name}-cli", "ping"),
        answer="PONG|NOAUTH",  # whoever demands a password is up
        version=(f"{name}-server", "--version"),
        command=(f"{name}-server", "--save", "", "--appendonly", "no", "--protected-mode", "no"),
        user="999",  # the number of the server's user in the official images and in our stand-in
        folders={"/data": 64 * 2**20},
        keeps_data=False,
        hardened=True,
        standin=standin,
        recipe=name if standin else "",
    )


# A server that its entrypoint starts for a moment, to make databases and users, listens on its socket alone, so these
# commands ask by TCP.
_ASK_MARIADB = "$(command -v mariadb-admin || echo mysqladmin) ping --protocol=tcp --host=127.0.0.1 --connect-timeout=5"
_ASK_MYSQL = "mysqladmin ping --protocol=tcp --host=127.0.0.1 --connect-timeout=5"
# The server's greeting in AMQP has its version. RabbitMQ's own tools would start a virtual machine for each question,
# which takes seconds of a processor.
_GREET_RABBITMQ = r"exec 3<>/dev/tcp/127.0.0.1/5672 && printf 'AMQP\0\0\011\001' >&3 && timeout 5 head -c 500 <&3"

KINDS: Mapping[str, Kind] = {
    "postgres": Kind(
        ready=("pg_isready", "--host", "127.0.0.1"),
        version=("postgres", "--version"),
        # Below a folder that anybody may write to the server's user makes its own, whatever its number.
        environment={"PGDATA": "/var/lib/postgresql/pgdata"},
        folders={"/var/lib/postgresql": 512 * 2**20},
        standin="weighbridge/postgres:17-trixie",
        recipe="postgres",
    ),
    "rabbitmq": Kind(
        ready=("bash", "-c", _GREET_RABBITMQ),
        answer="RabbitMQ",
        version=("bash", "-c", _GREET_RABBITMQ),
        version_pattern=r"version\W*S\W*(\d[\d.]*\d)",
        folders={"/var/lib/rabbitmq": 256 * 2**20},
        standin="weighbridge/rabbitmq:4-trixie",
        recipe="rabbitmq",
    ),
    "redis": _build_redis_like("redis", "weighbridge/redis:8-trixie"),
    "valkey": _build_redis_like("valkey", ""),
    "mysql": Kind(
        ready=("sh", "-c", _ASK_MYSQL),
        version=("mysqld", "--version"),
        folders={"/var/lib/mysql": 1024 * 2**20},
    ),
    "mariadb": Kind(
        ready=("sh", "-c", _ASK_MARIADB),
        version=("sh", "-c", "$(command -v mariadbd || echo mysqld) --version"),
        folders={"/var/lib/mysql": 512 * 2**20},
        standin="weighbridge/mariadb:11-trixie",
        recipe="mariadb",
    ),
}
"""Last part of a repository's name -> what is known of such an image."""
UNKNOWN = Kind()
REDIS_LIKE = frozenset({"redis", "valkey"})
"""The kinds that speak Redis' protocol."""


def name_kind(image: str) -> str:
    """Return the key in `KINDS` of an image, by the last part of its repository's name; empty: none fits."""
    last = strip_tag(image).rpartition("/")[2]
    return last if last in KINDS else ""


def find_kind(image: str) -> Kind:
    """Return what is known of an image, by the last part of its repository's name."""
    return KINDS.get(name_kind(image), UNKNOWN)
