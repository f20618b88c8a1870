"""How services run: by their settings, else by what is known of their kind."""

from __future__ import annotations

from typing import Any

from tests.support.fakes import FakeEngine, stack_on
from weighbridge.model.container import ContainerSpec


def spec_of(name: str, service: dict[str, Any] | None = None) -> tuple[ContainerSpec, dict[str, str]]:
    """Return the container of a service, and the volumes that were made for it, by their paths."""
    engine = FakeEngine()
    stack = stack_on(engine, services=None if service is None else {name: service})
    stack.start(name)
    (spec,) = engine.specs
    return spec, {path: engine.volumes[volume] for volume, path in spec.volumes.items()}


def test_redis_by_default() -> None:
    """It keeps nothing on disk, and runs as hardened as the roles do."""
    spec, volumes = spec_of("redis")
    assert spec.command == ("redis-server", "--save", "", "--appendonly", "no", "--protected-mode", "no")
    assert (spec.user, dict(spec.tmpfs), volumes) == ("999", {"/data": "mode=1777,size=67108864"}, {})
    assert (spec.read_only, spec.drop_capabilities, spec.memory_bytes, spec.pids_limit) == (True, ("ALL",), 2**29, 128)
    assert spec.aliases == ("redis",)


def test_database() -> None:
    """Its data is in memory and can be kept; its entrypoint may become its user, and it gets what the settings say."""
    environment = {"POSTGRES_PASSWORD": "x"}
    spec, volumes = spec_of("db", {"image": "postgres:17", "environment": environment, "aliases": ["db.internal"]})
    assert (spec.image, spec.command, spec.user, dict(spec.tmpfs)) == ("postgres:17", (), "", {})
    assert volumes == {"/var/lib/postgresql": "mode=1777,size=536870912"}
    assert dict(spec.environment) == {"PGDATA": "/var/lib/postgresql/pgdata", **environment}
    assert spec.aliases == ("db", "db.internal")
    assert "ALL" not in spec.drop_capabilities
    assert "SETUID" not in spec.drop_capabilities
    assert not spec.read_only


def test_settings_go_first() -> None:
    """Command, user, variables and sizes of the settings win; a folder of the kind is there beside new ones."""
    service = {
        "image": "postgres:17",
        "command": ["postgres", "-c", "fsync=off"],
        "user": "70",
        "environment": {"PGDATA": "/elsewhere"},
        "writable": {"/var/lib/postgresql": "1 GiB", "/elsewhere": "1 MiB"},
    }
    spec, volumes = spec_of("db", service)
    assert (spec.command, spec.user, spec.environment["PGDATA"]) == (tuple(service["command"]), "70", "/elsewhere")
    assert volumes == {
        "/var/lib/postgresql": "mode=1777,size=1073741824",
        "/elsewhere": "mode=1777,size=1048576",
    }


def test_redis_with_a_command() -> None:
    """A Redis that is started by another command may keep something, so its folder outlives it."""
    spec, volumes = spec_of("cache", {"image": "redis:8", "command": ["redis-server", "--appendonly", "yes"]})
    assert spec.command == ("redis-server", "--appendonly", "yes")
    assert volumes == {"/data": "mode=1777,size=67108864"}


def test_service_of_an_unknown_kind() -> None:
    """It is started as its image says, and has no folders in memory."""
    spec, volumes = spec_of("mail", {"image": "mail:1"})
    assert (spec.image, spec.command, spec.user, dict(spec.tmpfs), volumes) == ("mail:1", (), "", {}, {})
