"""Rules whose work begins before their turn, or in their turn."""

from __future__ import annotations

from threading import Event

from tests.support.fakes import FakeEngine, refused, stack_on
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules.later import Later
from weighbridge.smoke.stack.containers import Stack


def test_work_that_was_begun() -> None:
    """It is done once, while its rule has not come to its turn."""
    done, stack, count = Event(), stack_on(FakeEngine()), list[Stack]()

    def work(given: Stack) -> str:
        count.append(given)
        done.set()
        return "seen"

    later = Later(work)
    later.begin(stack)
    assert done.wait(10)
    assert [later.wait(stack), later.wait(stack)] == ["seen", "seen"]
    assert count == [stack]


def test_work_that_was_not_begun() -> None:
    """Its rule does it."""
    assert Later(lambda _: "seen").wait(stack_on(FakeEngine())) == "seen"


def test_work_that_fails() -> None:
    """Its rule fails, in its turn."""

    def work(_: Stack) -> str:
        raise CheckFailed("no")

    later, stack = Later(work), stack_on(FakeEngine())
    later.begin(stack)
    assert refused(lambda: later.wait(stack)) == "no"
