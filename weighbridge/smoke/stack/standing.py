"""Runs programs in a client's container by one that stays there: a new exec for each takes a tenth of a second."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from weighbridge.engine.protocol import TIMED_OUT, Conversation
from weighbridge.errors import EngineFault
from weighbridge.model.container import CommandResult, Streams
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.observations import StandingProgram

_FIRST_SECONDS = 30.0
_LOST = -1
"""The exit code of a program whose end is not known."""
_OUTPUT, _ERRORS = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is run, as `python -c SOURCE ARGUMENTS` would."""

    source: str
    arguments: tuple[str, ...] = ()
    seconds: float = _FIRST_SECONDS
    """Give up, with exit code `TIMED_OUT`, when it has printed nothing for that long."""
    on_line: Callable[[str], None] | None = None
    """Called with each line of either stream as soon as it is printed."""


def run(stack: Stack, container: str, start: Sequence[str], program: Program) -> CommandResult | None:
    """Run a program in a container by the one that stays there, which `start` starts unless it runs.

    Return None if it has to be run in another way: the engine lets no program stay, or that one is busy for another
    thread.

    Raises:
        EngineFault: The container has ended.
    """
    standing = stack.observed.standing.setdefault(container, StandingProgram())
    if not standing.turn.acquire(blocking=False):
        return None
    try:
        conversation = _ensure_stays(stack, container, standing, start)
        return _run(conversation, program) if conversation else None
    except _Lost as error:
        standing.end()
        if not stack.read_state(container).running:
            raise EngineFault("The container has ended") from error
        return CommandResult(code=_LOST, streams=Streams(errors=str(error)))
    except _Silent as error:  # it may still be busy
        standing.end()
        return error.result
    except BaseException:  # Ctrl-C, or the caller failed at a line. The next program must not get the lines left over.
        standing.end()
        raise
    finally:
        standing.turn.release()


def _ensure_stays(stack: Stack, container: str, standing: StandingProgram, start: Sequence[str]) -> Conversation | None:
    """Return what stays, and start it unless it runs; None if it cannot stay."""
    if standing.conversation is None and not standing.is_impossible:
        try:
            standing.conversation = stack.engine.converse(stack.build_name(container), start)
            standing.is_impossible = _run(standing.conversation, Program(source="")).code != 0
        except (EngineFault, _Lost, _Silent):
            standing.is_impossible = True
        if standing.is_impossible:
            standing.end()
    return standing.conversation


def _run(conversation: Conversation, program: Program) -> CommandResult:
    """Let the program run, and return its result.

    Raises:
        _Lost: Its end is not known.
        _Silent: It has printed nothing for too long.
    """
    written, begun = {_OUTPUT: "", _ERRORS: ""}, {_OUTPUT: "", _ERRORS: ""}
    with _note_loss():
        conversation.send(json.dumps({"source": program.source, "arguments": program.arguments}))
    while (told := _receive(conversation, program.seconds)) is not None:
        if isinstance(told, int):
            return CommandResult(code=told, streams=Streams(output=written[_OUTPUT], errors=written[_ERRORS]))
        stream, text = told
        written[stream] += text
        if program.on_line:
            *lines, begun[stream] = (begun[stream] + text).split("\n")
            for each in lines:
                program.on_line(each)
    errors = f"{written[_ERRORS]}\nno output for {program.seconds:g} s".lstrip()
    raise _Silent(CommandResult(code=TIMED_OUT, streams=Streams(output=written[_OUTPUT], errors=errors)))


def _receive(conversation: Conversation, seconds: float) -> tuple[int, str] | int | None:
    """Return the next text and its stream, or the exit code; None if nothing came for that long."""
    with _note_loss():
        line = conversation.receive(seconds)
        told = None if line is None else json.loads(line)
        return told and (told["code"] if "code" in told else (told["stream"], told["text"]))


@contextmanager
def _note_loss() -> Iterator[None]:
    try:
        yield
    except EngineFault as error:
        raise _Lost(error.message) from error
    except (ValueError, LookupError, TypeError) as error:
        raise _Lost(f"what it printed makes no sense: {error}") from error


class _Lost(Exception):
    """Nobody knows how the program ends; the message says why."""


class _Silent(Exception):
    """The program prints nothing."""

    def __init__(self, result: CommandResult) -> None:
        super().__init__(result.streams.errors)
        self.result = result
