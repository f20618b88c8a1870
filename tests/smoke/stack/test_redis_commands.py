"""Commands for a real Redis, with and without a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fakes import FakeEngine, stack_of, stack_on, with_roles
from tests.support.real_redis import RealRedis, run_redis
from weighbridge.smoke.stack import redis_commands

PASSWORD = "s/e:c ret"  # noqa: S105 - of a Redis of this test
QUOTED = "s%2Fe%3Ac%20ret"


@pytest.mark.services
@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"REDIS_URL": f"redis://:{QUOTED}@redis:6379/0"}, "PONG"),
        ({"BROKER": f"redis://default:{QUOTED}@redis/1", "OTHER": "redis://:wrong@elsewhere:6379"}, "PONG"),
        ({"NO_URL": "redis://[", "REDIS_URL": "redis://redis:6379/0"}, "NOAUTH Authentication required."),
    ],
)
def test_password(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    """The password is that of the roles' own address of this service; what the server refuses is returned, too."""
    with run_redis(tmp_path, "--requirepass", PASSWORD) as port:
        stack = stack_on(RealRedis(port), services={"redis": {"image": "redis:8"}}, environment=environment)
        assert redis_commands.run(stack, "redis", "ping") == said


def test_address_of_one_role() -> None:
    """The address may be that of a single role, and name the service by an alias; Valkey has a client of its own."""
    services = {"cache": {"image": "valkey/valkey:8", "aliases": ["queue"]}}
    roles = {"worker": {"environment": {"BROKER_URL": "redis://queue:6379", "URL": "redis://me:x@queue:6379/0"}}}
    engine = FakeEngine(outputs=["0 OK\n"])
    assert redis_commands.run(stack_of(engine, with_roles(roles, services=services)), "cache", "flushall") == "OK"
    assert engine.commands == [("valkey-cli", "--no-auth-warning", "--user", "me", "-a", "x", "--raw", "flushall")]
