"""Work in a thread of its own: its result, its error, and what ends the wait for it."""

from __future__ import annotations

from threading import Event

import pytest

from tests.support.fakes import FakeEngine, exited, stack_on
from weighbridge.smoke.rule_failed import CheckFailed, RoleEnded
from weighbridge.smoke.stack.background import Background


def test_result() -> None:
    """Work goes on while nobody waits; each who waits gets the same result."""
    may_end, begun = Event(), Event()

    def work() -> int:
        begun.set()
        assert may_end.wait(10)
        return 7

    background, stack = Background(work), stack_on(FakeEngine())
    assert begun.wait(10)
    assert not background.is_done
    may_end.set()
    assert background.wait(stack) == background.wait(stack) == 7
    assert background.is_done


def test_error() -> None:
    """The error is raised in the thread that waits, each time."""

    def work() -> None:
        raise CheckFailed("no")

    background, stack = Background(work), stack_on(FakeEngine())
    for _ in range(2):
        with pytest.raises(CheckFailed, match="no"):
            background.wait(stack)


def test_what_ends_the_wait() -> None:
    """A signal and the end of a role that has to run end the wait, although the work goes on."""
    may_end = Event()
    background = Background(lambda: may_end.wait(10))
    stopped = stack_on(FakeEngine())
    stopped.interruption.note(15, None)
    with pytest.raises(SystemExit):
        background.wait(stopped)
    ended = stack_on(FakeEngine(exited(3)))
    ended.observed.watched.add("worker")
    with pytest.raises(RoleEnded):
        background.wait(ended)
    may_end.set()
