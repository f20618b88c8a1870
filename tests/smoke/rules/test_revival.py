"""What a fault leaves is brought back, whatever came of the fault."""

from __future__ import annotations

from tests.support.fakes import RUNNING, FakeEngine, answered, exited, refused, started
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import revival
from weighbridge.smoke.stack.containers import Stack

OK, WORKERS = answered((200, "ok")), '0 {"celery@one": ["jobs.weigh"]}'
KILLED = exited(137)


def test_what_a_fault_leaves_is_restored() -> None:
    """Redis and both roles run and serve again before the failure of the rule on the fault is raised."""

    def fail(_: Stack) -> str:
        raise CheckFailed("lost")

    engine = FakeEngine(KILLED, RUNNING, outputs=["0 PONG", OK, WORKERS])
    stack = started(engine)
    assert refused(lambda: revival.try_and_restore(stack, fail)) == "lost"
    assert engine.outputs == []
    assert engine.started[3:] == [stack.build_name("redis")]


def test_role_that_does_not_come_back() -> None:
    """If a role does not come back after a fault whose rule holds, it still holds, and the other role is restored."""
    engine = FakeEngine(outputs=["1 nobody"] * 60)
    assert revival.try_and_restore(started(engine, 0.01), lambda _: "survived") == "survived"
    assert "/readyz" in engine.commands[0][-1]
    assert engine.commands[-1][-2:] == ("registered", "--json")
