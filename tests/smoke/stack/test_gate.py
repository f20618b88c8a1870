"""What is made while all that was made is about to be removed."""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Thread

import pytest

from weighbridge.errors import EngineFault
from weighbridge.smoke.stack.gate import Gate


def test_nobody_comes_after_the_end() -> None:
    """Once it is closed, nobody comes through, however often it is closed."""
    gate = Gate()
    with gate.pass_through(), gate.pass_through():
        pass
    gate.close()
    gate.close()
    with pytest.raises(EngineFault, match="The stack is being removed"), gate.pass_through():
        pytest.fail("it is closed")


def test_end_waits_for_those_within() -> None:
    """Whoever closes it goes on when the last one within has come out, also by an error."""
    gate, is_within, may_leave, order = Gate(), Event(), Event(), list[str]()

    def make() -> None:
        with suppress(ZeroDivisionError), gate.pass_through():
            is_within.set()
            assert may_leave.wait(10)
            order.append("made")
            raise ZeroDivisionError

    maker = Thread(target=make)
    maker.start()
    assert is_within.wait(10)

    def close() -> None:
        gate.close()
        order.append("closed")

    closer = Thread(target=close)
    closer.start()
    closer.join(0.1)
    assert closer.is_alive()
    may_leave.set()
    for thread in (maker, closer):
        thread.join(10)
    assert order == ["made", "closed"]
