"""Rules on services: what counts as ready, what is quoted if nothing is, and which version is named."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.fakes import RUNNING, FakeEngine, exited, failed, refused, stack_on
from weighbridge.errors import EngineFault
from weighbridge.smoke.rules import services

DATABASE = {"db": {"image": "postgres:17", "environment": {"POSTGRES_PASSWORD": "battery"}}}


def test_redis_that_does_not_answer() -> None:
    """The reason is what Redis wrote to standard error, not its last line."""
    engine = FakeEngine(RUNNING, exited(1), log="bye", errors="Can't open the log file", outputs=["1 refused"] * 9)
    reason = refused(lambda: services.starts(stack_on(engine), "redis"))
    assert reason.endswith("; its log says: Can't open the log file")


@pytest.mark.parametrize("answer", ["PONG", "(error) NOAUTH Authentication required."])
def test_redis_that_answers(answer: str) -> None:
    """It is ready if it answers, also if it demands a password; the rule names image and version."""
    engine = FakeEngine(outputs=["0 LOADING", f"0 {answer}", "0 Redis server v=8.0.2 sha=0"])
    assert services.starts(stack_on(engine, timeout_seconds=5), "redis").startswith("redis:8-alpine, version 8.0.2, ")


def test_standin_and_version() -> None:
    """If a stand-in runs, the rule says so."""
    engine = FakeEngine(outputs=["2 no response", "0 accepting", "0 postgres (PostgreSQL) 17.6 (Debian)"])
    stack = stack_on(engine, services=DATABASE, timeout_seconds=5)
    standin = replace(stack.blueprint, services={"db": "weighbridge/postgres:17"})
    told = services.starts(replace(stack, blueprint=standin), "db")
    assert told.startswith("weighbridge/postgres:17, our stand-in for postgres:17, version 17.6, after ")


def test_database_that_ends() -> None:
    """What it wrote says why it ended, without its secrets."""
    engine = FakeEngine(exited(1), errors="FATAL: password is battery")
    reason = refused(lambda: services.starts(stack_on(engine, services=DATABASE), "db"))
    assert reason == (
        "postgres:17 does not answer: its container is exited, with code 1; its log says: FATAL: password is ***"
    )


def test_service_that_is_never_ready() -> None:
    """When the time is up, the reason has what the command printed, or else its exit code."""
    engine = FakeEngine(outputs=["1 127.0.0.1:5432 - no response"] * 999, log="starting")
    reason = refused(lambda: services.starts(stack_on(engine, services=DATABASE), "db"))
    assert reason == "postgres:17 does not answer: 127.0.0.1:5432 - no response; its log says: starting"
    mail = {"mail": {"image": "mail:1", "ready": ["check", "it"]}}
    engine = FakeEngine(outputs=[failed(3)] * 999, log="starting")
    reason = refused(lambda: services.starts(stack_on(engine, services=mail), "mail"))
    assert reason == "mail:1 does not answer: `check` ended with code 3; its log says: starting"


def test_command_of_the_settings() -> None:
    """It replaces that of the kind, and its exit code alone counts."""
    cache = {"cache": {"image": "redis:8", "ready": ["true"]}}
    engine = FakeEngine(outputs=["0 whatever", "1 no version"])
    assert services.starts(stack_on(engine, services=cache), "cache").startswith("redis:8, after ")
    assert engine.commands[0] == ("true",)


class Labelled(FakeEngine):
    """An engine whose images have a label with their version."""

    def inspect_image(self, _reference: str) -> Any:
        """Return labels."""
        return SimpleNamespace(labels={"org.opencontainers.image.version": "1.27"})


def test_unknown_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ready once it has run for a moment, and its image says which version it is."""
    monkeypatch.setattr(services, "_MOMENT_SECONDS", 0.1)
    stack = stack_on(Labelled(), services={"mail": {"image": "mail:1"}}, timeout_seconds=5)
    assert services.starts(stack, "mail").startswith("mail:1, version 1.27, after ")
    dead = stack_on(Labelled(RUNNING, RUNNING, exited(0)), services={"mail": {"image": "mail:1"}}, timeout_seconds=5)
    assert "its container is exited, with code 0" in refused(lambda: services.starts(dead, "mail"))


def test_service_that_the_engine_could_not_start() -> None:
    """The engine is asked once more, so that its own reason is the rule's."""

    class Refusing(FakeEngine):
        def start(self, container: str) -> None:
            raise EngineFault(f"{container}: no such program")

    stack = stack_on(Refusing(replace(RUNNING, status="created")), services=DATABASE)
    with pytest.raises(EngineFault, match="no such program"):
        services.starts(stack, "db")
