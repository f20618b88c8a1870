"""Why a role has ended: before it served, as tests/smoke/rules/test_start.py has it, and after."""

from __future__ import annotations

import pytest

from tests.support.fakes import FakeEngine, exited, stack_on, with_image
from weighbridge.model.container import ContainerState
from weighbridge.smoke.stack import endings


def told(state: ContainerState, *, served: bool, errors: str = "", command: tuple[str, ...] = ()) -> str:
    """Return why the worker has ended like this, with this log."""
    stack = with_image(stack_on(FakeEngine(errors=errors)), command=command)
    if served:
        stack.observed.served.add("worker")
    return endings.describe(stack, "worker", state)


def test_end_of_a_role_that_had_served() -> None:
    """Whoever has served was healthy once, so that is not what the reason is about."""
    raised = "Traceback (most recent call last):\n  x\nMemoryError: no\n"
    assert told(exited(1), served=False, errors=raised) == (
        "exited with code 1 before it was healthy: MemoryError: no; see its log"
    )
    assert told(exited(1), served=True, errors=raised) == "exited with code 1: MemoryError: no; see its log"


def test_memory_goes_first() -> None:
    """What the kernel killed says nothing in its log, and the limit is what can be changed."""
    assert told(exited(137, out_of_memory=True), served=True, errors="ERROR: x") == (
        "exited because it reached its limit of 512 MiB of memory; let it take less, or raise roles.worker.memory"
    )


@pytest.mark.parametrize(
    ("code", "command", "detaches"),
    [
        (0, ("celery", "worker", "-D"), True),
        (0, ("celery", "worker", "--daemonize"), True),
        (0, ("celery", "worker", "--detached"), False),
        (1, ("celery", "worker", "--detach"), False),
        (0, ("celery", "worker"), False),
    ],
)
def test_role_in_the_background(code: int, command: tuple[str, ...], detaches: bool) -> None:  # noqa: FBT001 - a column
    """Only an end without an error, of a command with such an option, comes from the option."""
    reason = told(exited(code), served=False, command=command)
    assert ("sent it to the background" in reason) is detaches
    assert ("roles.worker.command" in reason) is detaches


def test_container_beside_the_role() -> None:
    """The log is that of the container that ended, whatever it is called."""

    class Named(FakeEngine):
        def read_streams(self, container: str, lines: int | None) -> tuple[str, str]:
            return "", f"ERROR: {container.rpartition('00000000-')[2]} {lines}"

    reason = endings.describe(stack_on(Named()), "worker", exited(2), "second-worker")
    assert reason.startswith("exited with code 2 before it was healthy: ERROR: second-worker 200; ")
