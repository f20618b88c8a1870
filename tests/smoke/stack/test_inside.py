"""Python that runs inside a container, whatever its name there, with failures on one line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import pytest

from tests.support.fakes import FakeEngine, exited, failed, refused, stack_on
from weighbridge.errors import EngineFault
from weighbridge.model.container import CommandResult
from weighbridge.smoke.stack import inside


def test_second_interpreter_is_tried() -> None:
    """An image may have only python3; the error for an image without an interpreter names both."""
    engine = FakeEngine(outputs=["126 no python", "0 a\nlast\n"])
    assert inside.run(stack_on(engine), ["celery", "call"], 5, role="worker") == "last"
    assert [command[0] for command in engine.commands] == ["python", "python3"]
    assert engine.commands[1][-3:] == ("5", "celery", "call")
    engine = FakeEngine(outputs=["127 a", "127 no python3 here"])
    assert "no python or python3 can be run" in refused(lambda: inside.run(stack_on(engine), ["x"], 5, role="worker"))


def test_failed_command_is_named() -> None:
    """The error has the command, its exit code and, without an exception, its last line."""
    stack = stack_on(FakeEngine(outputs=["69 trace\nno broker\n"]))
    assert refused(lambda: inside.run(stack, ["celery", "call"], 5, role="worker")) == (
        "`celery call` failed with code 69: no broker"
    )


RAISED = """Traceback (most recent call last):
  File "x.py", line 1, in <module>
pydantic.ValidationError: 1 validation error for Settings
DATABASE_URL
  Field required
    For further information visit https://errors.pydantic.dev
"""


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (failed(1, output="('HOME', '/')", errors=RAISED), "pydantic.ValidationError: 1 validation error for Settings"),
        (failed(2, output="Usage: x", errors="Error: no such option"), "Error: no such option"),
        (failed(124, output="a", errors="still running after 5 s"), "still running after 5 s"),
        (
            failed(124, errors="ERROR: Cannot connect to redis\nstill running after 5 s"),
            "still running after 5 s; it said: ERROR: Cannot connect to redis",
        ),
    ],
)
def test_cause_of_a_failed_command(result: CommandResult, why: str) -> None:
    """The cause is the first line of the exception, and standard error goes before standard output."""
    stack = stack_on(FakeEngine(outputs=[result]))
    reason = refused(lambda: inside.run(stack, ["x"], 5, role="worker"))
    assert reason == f"`x` failed with code {result.code}: {why}"


def test_warnings_are_no_result() -> None:
    """What a command returns is the last line of its standard output, whatever it writes to standard error."""
    stack = stack_on(FakeEngine(outputs=[failed(0, output="job-1\n", errors="DeprecationWarning: x")]))
    assert inside.run(stack, ["x"], 5, role="worker") == "job-1"
    stack = stack_on(FakeEngine(outputs=[failed(0, output="[1]", errors="Exception ignored in: x")]))
    assert inside.run_script(stack, "client", "probe.py") == [1]


def test_container_that_has_ended() -> None:
    """If the container has ended, its log says why: the exception, and not the last line."""
    engine = FakeEngine(exited(3), log="bye", errors=RAISED, outputs=[EngineFault("not running")])
    reason = refused(lambda: inside.run(stack_on(engine), ["x"], 5, role="worker"))
    assert reason.startswith(
        "client has ended, with code 3: pydantic.ValidationError: 1 validation error for Settings;"
    )


class Patient(FakeEngine):
    """Notes how long a command may be silent."""

    def execute(
        self, container: str, command: Sequence[str], seconds: float, on_line: Callable[[str], None] | None = None
    ) -> CommandResult:
        """Note the limit."""
        self.limits = [*getattr(self, "limits", []), seconds]
        return super().execute(container, command, seconds, on_line)


@pytest.mark.parametrize(("timeout", "limit"), [(5, 30), (29, 30), (31, 31), (70, 70)])
def test_scripts_get_the_time_of_the_settings(timeout: float, limit: float) -> None:
    """No script gets less time than a role to become healthy, however long that is."""
    engine = Patient(outputs=["0 []", "0 3 11 7"])
    stack = stack_on(engine, timeout_seconds=timeout)
    inside.run_script(stack, "client", "probe.py")
    inside.check_version(stack, "client")
    assert engine.limits == [limit] * 2


@pytest.mark.parametrize("length", [10, 99_000, 250_000])
def test_long_json_comes_in_several_arguments(length: int) -> None:
    """No argument is as long as the 128 KiB that Linux refuses; joined, they are the JSON."""
    engine = FakeEngine(outputs=["0 []"])
    inside.ask(stack_on(engine), "request.py", {"a": "x" * length})
    arguments = engine.commands[0][5:]
    assert max(map(len, arguments)) < 128 * 1024
    assert json.loads("".join(arguments)) == {"a": "x" * length}
    assert len(arguments) == length // 100_000 + 1
