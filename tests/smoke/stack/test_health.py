"""A health check run in a container: whose it is, in which words, and what its end means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.fakes import FakeEngine, exited, stack_on
from weighbridge.errors import EngineFault
from weighbridge.smoke.stack import health
from weighbridge.smoke.stack.observations import Health

FAULT = EngineFault("The engine says: no such program")


@pytest.mark.parametrize(
    ("test", "words"),
    [(("CMD", "check", "it"), ("check", "it")), (("CMD-SHELL", "check it"), ("/bin/sh", "-c", "check it"))],
)
def test_check_of_the_image(test: tuple[str, ...], words: tuple[str, ...]) -> None:
    """Its words run as they are, its line in a shell; code 0 is healthy, and any other is not."""
    engine = FakeEngine(outputs=["0 fine\n", "2 a\nbad\n"])
    stack = replace(stack_on(engine), health_check=test)
    assert health.check(stack, "api", "api") == Health(ok=True, output="fine")
    assert health.check(stack, "api", "api") == Health(ok=False, output="bad")
    assert engine.commands == [words, words]


def test_check_of_the_settings_goes_first() -> None:
    """Only the role that the settings give one has it."""
    engine = FakeEngine(outputs=["0 mine", "0 image"])
    stack = replace(stack_on(engine, {"health": ["mine"]}), health_check=("CMD", "image"))
    for role in ("api", "worker"):
        health.check(stack, role, role)
    assert engine.commands == [("mine",), ("image",)]


@pytest.mark.parametrize("test", [(), ("NONE",)])
def test_no_check(test: tuple[str, ...]) -> None:
    """Nothing is run, and nothing is said."""
    assert health.check(replace(stack_on(FakeEngine()), health_check=test), "api", "api") is None


def test_check_that_cannot_be_run() -> None:
    """Where the container runs, it is unhealthy, in the engine's words; where it has ended, there is nothing to say."""
    for engine, found in (
        (FakeEngine(outputs=[FAULT]), Health(ok=False, output=FAULT.message)),
        (FakeEngine(exited(1), outputs=[FAULT]), None),
    ):
        assert health.check(replace(stack_on(engine), health_check=("CMD", "x")), "api", "api") == found
