"""Requests from a program that stays, or from one for each where that is not possible."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.support.fakes import FakeEngine, exited, refused, stack_on
from weighbridge.errors import EngineFault
from weighbridge.smoke.stack import standing_client

WANTED = {"host": "api", "port": 8000, "timeout_seconds": 5, "requests": [{"path": "/"}]}


class Program:
    """Gives prepared answers."""

    def __init__(self, *answers: str | EngineFault) -> None:
        self.answers, self.asked, self.is_closed = [*answers], list[str](), False

    def ask(self, line: str, seconds: float) -> str:
        """Return or raise the next answer."""
        assert seconds > 0
        self.asked.append(line)
        answer = self.answers.pop(0)
        if isinstance(answer, EngineFault):
            raise answer
        return answer

    def close(self) -> None:
        """Note it."""
        self.is_closed = True


class Engine(FakeEngine):
    """An engine on which these programs stay, one after the other."""

    programs: Sequence[Program] = ()

    def converse(self, _container: str, command: Sequence[str]) -> Program:  # type: ignore[override]
        """Start the next program."""
        self.commands.append(command)
        first, *self.programs = self.programs
        return first


def test_program_is_started_once() -> None:
    """All requests are sent by one program, which is asked for nothing first, and ended at the end."""
    engine, program = Engine(), Program("[]", "[1]", "[2]")
    engine.programs = [program]
    stack = stack_on(engine)
    assert [standing_client.ask(stack, WANTED, 5) for _ in range(2)] == [[1], [2]]
    assert [json.loads(line)["requests"] for line in program.asked] == [[], *[WANTED["requests"]] * 2]
    assert len(engine.commands) == 1
    assert not program.is_closed
    stack.observed.standing.end()
    assert program.is_closed


def test_engine_that_lets_nothing_stay() -> None:
    """Where no program stays, each request has its own, and nobody tries again."""
    engine, program = Engine(outputs=["0 [1]", "0 [2]"]), Program(EngineFault("the program has ended"))
    engine.programs = [program]
    stack = stack_on(engine)
    assert [standing_client.ask(stack, WANTED, 5) for _ in range(2)] == [[1], [2]]
    assert program.is_closed
    assert standing_client.ask(stack_on(FakeEngine(outputs=["0 [3]"])), WANTED, 5) == [3]


def test_busy_program_is_not_waited_for() -> None:
    """While another thread asks it, a request has a program of its own."""
    engine = Engine(outputs=["0 [1]"])
    stack = stack_on(engine)
    with stack.observed.standing.turn:
        assert standing_client.ask(stack, WANTED, 5) == [1]


def test_program_that_fails() -> None:
    """No request is sent twice: its failure is the rule's, and the next request starts a new program."""
    engine, second = Engine(), Program("[]", "[2]")
    engine.programs = [Program("[]", EngineFault("no answer for 5 s")), second]
    stack = stack_on(engine)
    assert refused(lambda: standing_client.ask(stack, WANTED, 5)) == "request.py failed inside: no answer for 5 s"
    assert standing_client.ask(stack, WANTED, 5) == [2]
    engine.programs = [Program("[]", "no JSON")]
    stack = stack_on(engine)
    assert refused(lambda: standing_client.ask(stack, WANTED, 5)).startswith("request.py failed inside: Expecting")


def test_container_that_has_ended() -> None:
    """The log of the client's container says why it has ended."""
    engine = Engine(exited(3), log="bye", outputs=[EngineFault("not running")])
    engine.programs = [Program("[]", EngineFault("the program has ended"))]
    reason = refused(lambda: standing_client.ask(stack_on(engine), WANTED, 5))
    assert reason == "client has ended, with code 3: bye"
