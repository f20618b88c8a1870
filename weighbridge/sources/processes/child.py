"""The process of a pool: calls one function after the other, and answers with what it returns or raises.

Standard input carries the calls, standard output the answers. The process ends when its input does, so never later than
the process that started it, and after an error, because what is left of a stream is then still in the pipe.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, BinaryIO

from weighbridge.sources.processes import messages

Tell = Callable[[int], object]
"""Takes how many bytes were read since the last call."""
_TELL_EVERY_BYTES = 2**22
_COLLECT_AFTER = 100_000
"""A layer makes many lasting values, and next to none that refer to each other. Python collects after each 700."""


@dataclass(frozen=True, slots=True)
class Call:
    """A function to call, with its arguments."""

    function: Callable[..., Any]
    """Found again by the name of its module and its own."""
    arguments: tuple[Any, ...]
    has_stream: bool
    """Whether a stream follows, which is the function's last argument; if none does, that is a `Tell`."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The function has returned this."""

    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """The function has raised this."""

    error: Exception


class _Teller:
    """Tells now and then how many bytes were read."""

    def __init__(self, answers: BinaryIO) -> None:
        self._answers, self._count = answers, 0

    def __call__(self, size: int) -> None:
        self._count += size
        if self._count >= _TELL_EVERY_BYTES:
            self.flush()

    def flush(self) -> None:
        messages.send(self._answers, self._count)
        self._count = 0


def serve(calls: BinaryIO, answers: BinaryIO) -> None:
    """Answer calls until there are no more, or until one of them fails."""
    while True:
        try:
            call: Call = messages.receive(calls)
        except EOFError:
            return
        answer = _answer_stream(call, calls) if call.has_stream else _answer_plain(call, answers)
        messages.send(answers, answer)
        if isinstance(answer, Raised):
            return


def _answer_stream(call: Call, calls: BinaryIO) -> Returned | Raised:
    try:
        stream = messages.Incoming(calls)
        value = call.function(*call.arguments, stream)
        stream.drain()
    except Exception as error:  # noqa: BLE001 - the other process raises it
        return Raised(error)
    return Returned(value)


def _answer_plain(call: Call, answers: BinaryIO) -> Returned | Raised:
    tell = _Teller(answers)
    try:
        value = call.function(*call.arguments, tell)
    except Exception as error:  # noqa: BLE001 - as above
        return Raised(error)
    tell.flush()
    return Returned(value)


def main(module: str) -> None:
    """Serve the process that started this one; load a module first, unless its name is empty."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both: the other process decides when to end
    gc.set_threshold(_COLLECT_AFTER)
    if module:
        import_module(module)
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:  # it was killed: what is left in our buffer must not be an error at our own end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
