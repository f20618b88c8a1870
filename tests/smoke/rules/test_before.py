"""Commands that run once before any role starts: how they end, and what is said if they do not end well."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fakes import RUNNING, FakeEngine, exited, refused, stack_on
from weighbridge.errors import EngineFault
from weighbridge.smoke.rules import before


def complete(engine: FakeEngine, **command: Any) -> str:
    """Return what the rule saw of a command called `migrate`."""
    return before.completes(stack_on(engine, before={"migrate": command}), "migrate")


def test_command_that_ends() -> None:
    """The command of the settings runs in a container of its own, and the rule waits for its end."""
    engine = FakeEngine(RUNNING, RUNNING, exited(0))
    assert complete(engine, command=["migrate", "up"], timeout_seconds=9).startswith("exited with code 0 after 0.")
    (spec,) = engine.specs
    assert (spec.aliases, spec.command) == ((before.name_container("migrate"),), ("migrate", "up"))


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (
            FakeEngine(exited(3), log="bye", errors="Traceback (most recent call last):\n  x\nKeyError: 'DSN'"),
            "exited with code 3: KeyError: 'DSN'",
        ),
        (FakeEngine(exited(1)), "exited with code 1: (no output)"),
        (
            FakeEngine(exited(137, out_of_memory=True)),
            "reached its limit of 64 MiB of memory; raise smoke.before.migrate.memory",
        ),
        (FakeEngine(RUNNING), "still running after 0.02 s; raise smoke.before.migrate.timeout_seconds"),
        (
            FakeEngine(RUNNING, errors="ERROR: no database"),
            "still running after 0.02 s; its log says: ERROR: no database; raise smoke.before.migrate.timeout_seconds",
        ),
    ],
)
def test_command_that_does_not_end_well(engine: FakeEngine, words: str) -> None:
    """The reason says how it ended, with the error from its log and the setting that changes a limit."""
    assert refused(lambda: complete(engine, memory="64 MiB", timeout_seconds=0.02)) == words


def test_time_of_the_settings() -> None:
    """Without a time of its own a command has as long as a role."""
    assert refused(lambda: complete(FakeEngine(RUNNING))).startswith("still running after 0.01 s; ")


def test_command_that_cannot_be_started() -> None:
    """The engine's words on a program that is missing come with the setting to correct."""

    class Refusing(FakeEngine):
        def start(self, container: str) -> None:
            raise EngineFault(f"{container.rpartition('-')[2]}: no such program")

    assert refused(lambda: complete(Refusing())) == "migrate: no such program; correct smoke.before.migrate.command"
