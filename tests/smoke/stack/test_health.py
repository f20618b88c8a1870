"""A health check that runs in a container: which one, with what command, and what its exit code means."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.fakes import FakeEngine, exited, failed, stack_on, with_image
from weighbridge.errors import EngineFault
from weighbridge.model.container import CommandResult
from weighbridge.smoke.stack import health
from weighbridge.smoke.stack.observations import Health

FAULT = EngineFault("The engine says: no such program")


@pytest.mark.parametrize(
    ("test", "words"),
    [(("CMD", "check", "it"), ("check", "it")), (("CMD-SHELL", "check it"), ("/bin/sh", "-c", "check it"))],
)
def test_check_of_the_image(test: tuple[str, ...], words: tuple[str, ...]) -> None:
    """The words of a check run as they are, its line in a shell; exit code 0 is healthy, and any other is not."""
    engine = FakeEngine(outputs=["0 fine\n", "2 a\nbad\n"])
    stack = with_image(stack_on(engine), health_check=test)
    assert health.check(stack, "api", "api") == Health(ok=True, output="fine")
    assert health.check(stack, "api", "api") == Health(ok=False, output="bad")
    assert engine.commands == [words, words]


def test_check_of_the_settings_goes_first() -> None:
    """A health check of the settings runs only for its role."""
    engine = FakeEngine(outputs=["0 mine", "0 image"])
    stack = with_image(stack_on(engine, {"health": ["mine"]}), health_check=("CMD", "image"))
    for role in ("api", "worker"):
        health.check(stack, role, role)
    assert engine.commands == [("mine",), ("image",)]


@pytest.mark.parametrize("test", [(), ("NONE",)])
def test_no_check(test: tuple[str, ...]) -> None:
    """Without a health check nothing runs, and there is no result."""
    assert health.check(with_image(stack_on(FakeEngine()), health_check=test), "api", "api") is None


def test_check_that_cannot_be_run() -> None:
    """If the check cannot run, a running container is unhealthy, in the engine's words; an ended one has no result."""
    for engine, found in (
        (FakeEngine(outputs=[FAULT]), Health(ok=False, output=FAULT.message)),
        (FakeEngine(exited(1), outputs=[FAULT]), None),
    ):
        assert health.check(with_image(stack_on(engine), health_check=("CMD", "x")), "api", "api") == found


def test_error_of_a_check_that_fails() -> None:
    """The output of a failed check is the first line of its exception; that of a passed check is not a warning."""
    errors = "Traceback (most recent call last):\n  File\nConnectionError: refused\nby 127.0.0.1"
    results = [
        failed(1, output="trying", errors=errors),
        failed(0, output="fine", errors="Warning: x"),
        failed(0, errors="y"),
    ]
    stack = with_image(stack_on(FakeEngine(outputs=results)), health_check=("CMD", "x"))
    assert health.check(stack, "api", "api") == Health(ok=False, output="ConnectionError: refused")
    assert health.check(stack, "api", "api") == Health(ok=True, output="fine")
    assert health.check(stack, "api", "api") == Health(ok=True, output="y")


@pytest.mark.parametrize(("timeout", "limit"), [(5, 30), (31, 31), (90, 90)])
def test_time_of_a_check(timeout: float, limit: float) -> None:
    """A check gets Docker's default time, or as long as the settings allow a role to become healthy."""
    limits: list[float] = []

    class Noting(FakeEngine):
        def execute(self, *arguments: Any) -> CommandResult:
            limits.append(arguments[2])
            return super().execute(*arguments)

    stack = with_image(stack_on(Noting(outputs=["0 x"]), timeout_seconds=timeout), health_check=("CMD", "x"))
    health.check(stack, "api", "api")
    assert limits == [limit]
