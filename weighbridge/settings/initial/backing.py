"""Guesses the services that an application needs, and its variables, from their names and defaults in its source."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from weighbridge.settings.initial.code import Variable
from weighbridge.settings.names import is_free

_USER, _PASSWORD, _DATABASE = "app", "app", "app"
"""What a server is made with where the source says nothing."""
_LIMITED = {"guest"}
"""RabbitMQ's user that may come from its own host alone."""
_LOCAL = {"", "localhost", "127.0.0.1", "0.0.0.0", "::1", "host.docker.internal"}  # noqa: S104 - only compared
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_EXAMPLES = {"int": "1", "float": "1", "bool": "false"}
_BROKER = re.compile(r"(?:.*_)?BROKER(?:_.*)?$")
_RESULTS = re.compile(r"(?:.*_)?RESULTS?_BACKEND(?:_.*)?$")


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    image: str
    scheme: str
    schemes: str
    """Regular expression."""
    variable: str
    """Regular expression for the names of variables that hold a URL."""
    parts: str
    """Regular expression for the names of variables that hold a part of it, in the group `part`."""
    port: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variable of the image -> what it holds."""


_SQL = r"(?P<part>HOST|SERVER|PORT|USER|USERNAME|PASSWORD|PASS|DB|NAME|DATABASE)$"
_KINDS = {
    "redis": _Kind(
        "redis", "redis:8-alpine", "redis", "rediss?", r"(?:.*_)?REDIS(?:_\w+)?_(?:URL|URI|DSN)$",
        r"REDIS_(?P<part>HOST|SERVER|PORT)$", "6379",
    ),
    "postgres": _Kind(
        "db", "postgres:17", "postgresql", r"postgres(?:ql)?(?:\+\w+)?",
        r"(?:.*_)?(?:DATABASE|DB|POSTGRES|POSTGRESQL|SQLALCHEMY|PG)(?:_\w+)?_(?:URL|URI|DSN)$",
        rf"(?:POSTGRES|POSTGRESQL|PG|DB|DATABASE)_?{_SQL}", "5432",
        {"POSTGRES_USER": "user", "POSTGRES_PASSWORD": "password", "POSTGRES_DB": "database"},
    ),
    "mariadb": _Kind(
        "db", "mariadb:11", "mysql", r"(?:mysql|mariadb)(?:\+\w+)?", r"(?:.*_)?(?:MYSQL|MARIADB)_(?:URL|URI|DSN)$",
        rf"(?:MYSQL|MARIADB)_{_SQL}", "3306",
        {"MARIADB_USER": "user", "MARIADB_PASSWORD": "password", "MARIADB_DATABASE": "database",
         "MARIADB_ROOT_PASSWORD": "password"},
    ),
    "rabbitmq": _Kind(
        "rabbitmq", "rabbitmq:4", "amqp", r"(?:py)?amqps?", r"(?:.*_)?(?:AMQP|RABBITMQ|RABBIT)_(?:URL|URI|DSN)$",
        r"(?:RABBITMQ|RABBIT|AMQP)_(?P<part>HOST|SERVER|PORT|USER|USERNAME|PASSWORD|PASS)$", "5672",
        {"RABBITMQ_DEFAULT_USER": "user", "RABBITMQ_DEFAULT_PASS": "password"},
    ),
}  # fmt: skip
_DRIVERS = (
    ("asyncpg", "postgres", "postgresql+asyncpg"),
    ("psycopg", "postgres", "postgresql+psycopg"),
    ("psycopg2", "postgres", "postgresql+psycopg2"),
    ("psycopg2-binary", "postgres", "postgresql+psycopg2"),
    ("pymysql", "mariadb", "mysql+pymysql"),
    ("aiomysql", "mariadb", "mysql+aiomysql"),
    ("mysqlclient", "mariadb", "mysql+mysqldb"),
)
"""Package -> the kind of database it speaks to, and the scheme of its URLs in SQLAlchemy."""


@dataclass(slots=True)
class Backing:
    """The services and the variables of all roles, each with what it was guessed from."""

    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    """Name of a service or of a variable -> why."""
    has_database: bool = False


def guess_backing(
    variables: Iterable[Variable], addresses: Iterable[str], packages: Collection[str], *, has_celery: bool
) -> Backing:
    """Return the services that variables and addresses speak of.

    Args:
        variables: What the source reads of its environment.
        addresses: URLs in the source.
        packages: Names of the packages that the repository requires, in lower case.
        has_celery: Whether there are Celery applications, which need a broker.
    """
    found = _Guess(Backing(), packages)
    for each in sorted({each.name: each for each in sorted(variables, key=_is_weaker)}.values(), key=lambda v: v.name):
        found.take(each)
    for address in addresses:
        found.take_address(address)
    if has_celery and not found.has_broker():
        kind = found.choose_broker()
        found.add(kind, _KINDS[kind].name, {}, "Celery needs a broker, and the source names none")
    return found.backing


def _is_weaker(variable: Variable) -> bool:
    """Of several readings of a variable that counts last which tells most: a default that is a URL."""
    return "://" in (variable.default or "")


@dataclass(slots=True)
class _Guess:
    backing: Backing
    packages: Collection[str]

    def take(self, variable: Variable) -> None:
        default = variable.default or ""
        if kind := _find_kind(default):
            self.set_url(variable, kind, default)
        elif variable.default is not None and not self._is_part(variable):
            return
        elif _BROKER.match(variable.name):
            self.set_url(variable, self.choose_broker(), "")
        elif _RESULTS.match(variable.name):
            if self._has_redis():
                self.set_url(variable, "redis", "")
            else:
                self.set(variable, "rpc://", "It is read, and results can take the broker's way")
        elif kind := self._find_by_name(variable.name):
            self.set_url(variable, kind, "")
        elif not self._take_part(variable):
            plain = _EXAMPLES.get(variable.type, "example")
            self.set(variable, plain, "It has no default, and nothing tells what it has to be; correct it if need be")

    def take_address(self, address: str) -> None:
        if (kind := _find_kind(address)) and (host := urlsplit(address).hostname or "") not in _LOCAL:
            self.add(kind, host, _split(address, kind), f"The source names {host}")

    def set_url(self, variable: Variable, kind: str, default: str) -> None:
        known, parts = _KINDS[kind], _split(default, kind)
        why = f"The source's default for {variable.name}" if default else f"The source reads {variable.name}"
        host = parts.get("host", "")
        name = self.add(kind, host if host not in _LOCAL else known.name, parts, why)
        scheme = parts.get("scheme") or self._choose_scheme(kind)
        login, path = "", f"/{parts.get('database', '')}"
        if known.environment:
            given = self.backing.services[name]["environment"]
            user, password, *database = [given[key] for key in known.environment][:3]
            login = f"{user}:{password}@"
            path = f"/{database[0]}" if database else parts.get("path", "/")
        elif kind == "redis":
            path = parts.get("path") or "/0"
        self.set(variable, f"{scheme}://{login}{name}:{known.port}{path}", f"{why}, with the service's name as host")

    def set(self, variable: Variable, value: str, why: str) -> None:
        self.backing.environment[variable.name] = value
        self.backing.reasons[variable.name] = why

    def add(self, kind: str, name: str, parts: Mapping[str, str], why: str) -> str:
        """Add a service, and return its name."""
        known = _KINDS[kind]
        name = name if _HOST.fullmatch(name) and is_free(name) else known.name
        if (there := self.backing.services.get(name)) and there["image"] != known.image:
            name = kind
        service: dict[str, Any] = {"image": known.image}
        if known.environment:
            usual = {"user": _USER, "password": _PASSWORD, "database": _DATABASE}
            service["environment"] = {key: parts.get(part) or usual[part] for key, part in known.environment.items()}
        self.backing.services.setdefault(name, service)
        self.backing.reasons.setdefault(name, why)
        self.backing.has_database |= kind in {"postgres", "mariadb"}
        return name

    def has_broker(self) -> bool:
        """Tell whether a service may be a broker."""
        images = {service["image"] for service in self.backing.services.values()}
        return bool(images & {_KINDS["redis"].image, _KINDS["rabbitmq"].image})

    def choose_broker(self) -> str:
        """Return the kind of the broker where nothing names it."""
        return "redis" if self._has_redis() else "rabbitmq"

    def _has_redis(self) -> bool:
        return "redis" in self.packages or "redis" in self.backing.services

    def _choose_scheme(self, kind: str) -> str:
        fitting = (scheme for name, of, scheme in _DRIVERS if of == kind and name in self.packages)
        return next(fitting, _KINDS[kind].scheme)

    def _find_by_name(self, name: str) -> str | None:
        kind = next((kind for kind, each in _KINDS.items() if re.match(each.variable, name)), None)
        mysql = any(package in self.packages for package, of, _ in _DRIVERS if of == "mariadb")
        return "mariadb" if kind == "postgres" and mysql else kind

    def _is_part(self, variable: Variable) -> bool:
        return any(re.match(each.parts, variable.name) for each in _KINDS.values())

    def _take_part(self, variable: Variable) -> bool:
        for kind, known in _KINDS.items():
            if found := re.match(known.parts, variable.name):
                name = self.add(kind, known.name, {}, f"The source reads {variable.name}")
                part = found["part"]
                value = name if part in {"HOST", "SERVER"} else known.port if part == "PORT" else "app"
                self.set(variable, value, f"A part of the address of {name}")
                return True
        return False


def _find_kind(address: str) -> str | None:
    scheme, separator, _ = address.partition("://")
    if not separator:
        return None
    plain = scheme.removeprefix("db+")
    return next((kind for kind, each in _KINDS.items() if re.fullmatch(each.schemes, plain)), None)


def _split(address: str, kind: str) -> dict[str, str]:
    """Return the parts of a URL that are told, by their names."""
    if not address:
        return {}
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return {}
    found = {"scheme": parts.scheme, "host": host, "user": parts.username, "password": parts.password}
    if parts.username in _LIMITED:
        found |= {"user": None, "password": None}
    found |= {"path": parts.path or ("//" if kind == "rabbitmq" else ""), "database": parts.path.strip("/")}
    return {key: value for key, value in found.items() if value}
