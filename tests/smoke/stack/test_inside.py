"""Python that runs inside a container, whatever its name there, with failures on one line."""

from __future__ import annotations

from tests.support.fakes import FakeEngine, refused, stack_on
from weighbridge.smoke.stack import inside


def test_second_interpreter_is_tried() -> None:
    """An image may have only python3; the error for an image without an interpreter names both."""
    engine = FakeEngine(outputs=["126 no python", "0 a\nlast\n"])
    assert inside.run(stack_on(engine), ["celery", "call"], 5) == "last"
    assert [command[0] for command in engine.commands] == ["python", "python3"]
    assert engine.commands[1][-3:] == ("5", "celery", "call")
    engine = FakeEngine(outputs=["127 a", "127 no python3 here"])
    assert "no python or python3 can be run" in refused(lambda: inside.run(stack_on(engine), ["x"], 5))


def test_failed_command_is_named() -> None:
    """The error has the command, its exit code and its last line."""
    stack = stack_on(FakeEngine(outputs=["69 trace\nno broker\n"]))
    assert refused(lambda: inside.run(stack, ["celery", "call"], 5)) == ("`celery call` failed with code 69: no broker")
