"""Programs that run by one that stays in a container, or by an exec of their own where that is not possible."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from typing import IO

import pytest

from tests.support.fakes import FakeEngine, exited, refused, stack_on
from weighbridge.engine.protocol import TIMED_OUT
from weighbridge.errors import EngineFault
from weighbridge.model.container import CommandResult, Streams
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import inside, standing
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.standing import Program


class Conversation:
    """A program of this machine."""

    def __init__(self, command: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([sys.executable, *command[1:]], stdin=pipe, stdout=pipe, text=True)

    def send(self, line: str) -> None:
        """Write a line."""
        print(line, file=self._take(self.process.stdin), flush=True)

    def receive(self, seconds: float) -> str | None:
        """Read a line; a very short time is over at once."""
        if seconds < 0.1:
            return None
        line = self._take(self.process.stdout).readline()
        if not line:
            raise EngineFault("The program has ended")
        return line

    def close(self) -> None:
        """End it."""
        for each in (self.process.stdin, self.process.stdout):
            self._take(each).close()
        self.process.kill()
        self.process.wait(10)

    @staticmethod
    def _take(stream: IO[str] | None) -> IO[str]:
        assert stream
        return stream


class Engine(FakeEngine):
    """An engine whose only container is this machine."""

    conversations: tuple[Conversation, ...] = ()

    def converse(self, _container: str, command: Sequence[str]) -> Conversation:  # type: ignore[override]
        """Start the program."""
        self.conversations = (*self.conversations, Conversation(command))
        return self.conversations[-1]


def stack_that_knows(engine: FakeEngine) -> Stack:
    """Return a stack that knows the client's interpreter."""
    stack = stack_on(engine)
    stack.observed.interpreters[stack.blueprint.cast.main] = "python"
    return stack


def end(stack: Stack) -> None:
    """End what stays."""
    for each in stack.observed.standing.values():
        each.end()


def start_of(stack: Stack) -> tuple[str, ...]:
    """Return the command of what stays."""
    return (*stack.get_interpreters("client"), "-I", "-S", "-c", inside.read_script("stay.py"))


def run(stack: Stack, source: str, *arguments: str, **changes: object) -> CommandResult | None:
    """Run a program in the client's container."""
    program = Program(source=source, arguments=arguments, **changes)  # type: ignore[arg-type]
    return standing.run(stack, "client", start_of(stack), program)


def test_programs_share_one_that_stays() -> None:
    """It is started once, and each program has its result, its arguments and its lines as they come."""
    engine, lines = Engine(), list[str]()
    stack = stack_that_knows(engine)
    source = "import sys; print(*sys.argv[1:]); print('no', file=sys.stderr); sys.exit(3)"
    expected = CommandResult(code=3, streams=Streams(output="a b\n", errors="no\n"))
    assert [run(stack, source, "a", "b", on_line=lines.append) for _ in range(2)] == [expected] * 2
    assert sorted(lines) == ["a b", "a b", "no", "no"]
    assert len(engine.conversations) == 1
    end(stack)
    assert engine.conversations[0].process.returncode is not None


def test_scripts_use_it() -> None:
    """Scripts and commands in the client's container run by what stays there, and fail in the same words."""
    stack = stack_that_knows(Engine())
    assert inside.run(stack, [sys.executable, "-c", "print('last')"], 5, role="worker") == "last"
    reason = refused(lambda: inside.run(stack, [sys.executable, "-c", "raise OSError('x')"], 5, role="worker"))
    assert reason.endswith("failed with code 1: OSError: x")
    began = time.monotonic()
    reason = refused(lambda: inside.run(stack, ["sleep", "60"], 0.2, role="worker"))
    assert reason == "`sleep 60` failed with code 124: still running after 0.2 s"
    assert time.monotonic() - began < 30
    end(stack)


@pytest.mark.parametrize("container", ["api", "client"])
def test_other_containers_have_execs(container: str) -> None:
    """In a role's container nothing of ours stays, nor in a client whose interpreter is not known."""
    engine = Engine(outputs=["0 [1]"])
    stack = stack_that_knows(engine) if container == "api" else stack_on(engine)
    assert inside.run_script(stack, container, "usage.py") == [1]
    assert not engine.conversations


def test_engine_that_lets_nothing_stay() -> None:
    """Where none stays, each program has an exec of its own, and nobody tries again."""
    engine = FakeEngine(outputs=["0 [1]", "0 [2]"])
    stack = stack_that_knows(engine)
    assert [inside.run_script(stack, "client", "usage.py") for _ in range(2)] == [[1], [2]]
    engine = Engine()
    stack = stack_that_knows(engine)
    wrong = (*start_of(stack)[:-1], "import sys; sys.exit(1)")
    assert [standing.run(stack, "client", wrong, Program(source="")) for _ in range(2)] == [None, None]
    assert len(engine.conversations) == 1


def test_error_of_who_is_told_the_lines() -> None:
    """It is raised as it is, whatever its type, and the next program does not get what is left of the lines."""
    for error in (CheckFailed("no"), EngineFault("no"), ValueError("no"), KeyboardInterrupt()):

        def fail(_: str, error: BaseException = error) -> None:
            raise error

        stack = stack_that_knows(Engine())
        with pytest.raises(type(error)) as caught:
            run(stack, "print(1); print(2)", on_line=fail)
        assert caught.value is error
        assert run(stack, "print(3)") == CommandResult(code=0, streams=Streams(output="3\n"))
        end(stack)


def test_one_at_a_time() -> None:
    """While it is busy for another thread, a program has an exec of its own."""
    engine = Engine(outputs=["0 [2]"])
    stack = stack_that_knows(engine)
    assert run(stack, "") == CommandResult(code=0, streams=Streams())
    with stack.observed.standing["client"].turn:
        assert inside.run_script(stack, "client", "usage.py") == [2]
    end(stack)


def test_silent_program() -> None:
    """A program that prints nothing for too long counts as ended, and the next one does not wait for it."""
    engine = Engine()
    stack = stack_that_knows(engine)
    assert run(stack, "") is not None
    found = run(stack, "import time; time.sleep(60)", seconds=0.01)
    assert found == CommandResult(code=TIMED_OUT, streams=Streams(errors="no output for 0.01 s"))
    assert run(stack, "print(1)") == CommandResult(code=0, streams=Streams(output="1\n"))
    assert len(engine.conversations) == 2
    end(stack)


def test_program_that_stays_may_be_lost() -> None:
    """If it ends, so does the program; whether the container has ended, too, is asked."""
    kill = "import os, signal; os.kill(os.getppid(), signal.SIGKILL)"
    stack = stack_that_knows(Engine())
    assert run(stack, kill) == CommandResult(code=-1, streams=Streams(errors="The program has ended"))
    assert run(stack, "print(1)") == CommandResult(code=0, streams=Streams(output="1\n"))
    end(stack)
    stack = stack_that_knows(Engine(exited(3), log="bye"))
    with pytest.raises(EngineFault, match="The container has ended"):
        run(stack, kill)
    stack = stack_that_knows(Engine(exited(3), log="bye"))
    reason = refused(lambda: inside.run(stack, [sys.executable, "-c", KILL_TWICE], 5, role="worker"))
    assert reason == "client has ended, with code 3: bye"


KILL_TWICE = """
import os, signal
parent = os.getppid()
with open(f"/proc/{parent}/stat") as file: above = int(file.read().rpartition(")")[2].split()[1])
os.kill(above, signal.SIGKILL)
os.kill(parent, signal.SIGKILL)
"""
