"""A pool of processes that read layers, one layer each at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from weighbridge.errors import UnreadableImage
from weighbridge.sources.processes import messages
from weighbridge.sources.processes.child import Call, Raised, Returned, Tell
from weighbridge.sources.tar.compression import Readable

if TYPE_CHECKING:
    from concurrent.futures import Future

    from weighbridge.sources.processes.threads import Threads

MOST_PROCESSES = 4
"""More hardly help: an image has few large layers, and all come from one disk or one registry."""
LEAST_BYTES = 2**23
"""What a second process must have to read while the first one reads the largest layer; else starting it costs more."""
_START = (
    "import sys; sys.path[:] = sys.argv[2:]; from weighbridge.sources.processes import child; child.main(sys.argv[1])"
)


def count_processes() -> int:
    """Return how many processes can run at the same time, at most `MOST_PROCESSES`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_PROCESSES)


class Pool:
    """Processes that start when they are needed, and end with this context manager, whatever they are doing then.

    The end does not wait for a stream that sends nothing: the thread that reads it ends when that does.
    """

    def __init__(self, most: int, least_bytes: int = LEAST_BYTES) -> None:
        """Begin without any process.

        Args:
            most: How many processes may run at once; with less than two, none is worth while.
            least_bytes: As `LEAST_BYTES`.
        """
        self._most, self._least_bytes = most, least_bytes
        self._idle, self._all = SimpleQueue[_Process](), list[_Process]()
        self._threads: Threads | None = None
        self._lock, self._closed = Lock(), False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
        if self._threads:
            self._threads.close()
        for process in self._all:
            process.end()

    def start(self, module: str) -> None:
        """Start all processes before there is work for them, and let them load a module, which takes them some time."""
        if self._most > 1:
            with suppress(UnreadableImage):  # whoever has work for one tries again, and says so
                for _ in range(self._most):
                    self._idle.put(self._add(module))

    def is_worthwhile(self, sizes: Iterable[int]) -> bool:
        """Tell whether layers with so many bytes each are read faster in several processes."""
        listed = sorted(sizes)
        return self._most > 1 and len(listed) > 1 and sum(listed[:-1]) >= self._least_bytes

    def submit(self, function: Callable[..., Any], *arguments: Any, on_bytes: Tell) -> Future[Any]:
        """Call a function in a process. Its last argument is a function to call with the number of bytes just read.

        The function is found there by its name, and the arguments and the result are copied. The result raises what
        the function raises, and `UnreadableImage` if the process is lost or its memory is not enough.
        """
        return self._run(Call(function, arguments, has_stream=False), on_bytes, None)

    def submit_stream(
        self, function: Callable[..., Any], *arguments: Any, source: Callable[[], AbstractContextManager[Readable]]
    ) -> Future[Any]:
        """Call a function as `submit` does; its last argument is the stream that `source` opens.

        A thread here reads that stream. The result raises what it raises, too.
        """
        return self._run(Call(function, arguments, has_stream=True), _tell_nobody, source)

    def _run(
        self, call: Call, on_bytes: Tell, source: Callable[[], AbstractContextManager[Readable]] | None
    ) -> Future[Any]:
        from weighbridge.sources.processes.threads import Threads  # noqa: PLC0415 - most images need no pool

        self._threads = self._threads or Threads(self._most)
        return self._threads.submit(self._ask, call, on_bytes, source)

    def _ask(self, call: Call, on_bytes: Tell, source: Callable[[], AbstractContextManager[Readable]] | None) -> Any:
        process = self._take()
        try:
            process.call(call, source)
            while isinstance(answer := process.receive(), int):
                with self._lock:
                    on_bytes(answer)
        except BaseException:
            process.end()
            raise
        if isinstance(answer, Raised):
            process.end()
            raise _describe_loss("has too little memory") if isinstance(answer.error, MemoryError) else answer.error
        self._idle.put(process)
        return cast("Returned", answer).value

    def _take(self) -> _Process:
        """Return a process that waits, or else a new one."""
        with suppress(Empty):
            return self._idle.get_nowait()
        return self._add()

    def _add(self, module: str = "") -> _Process:
        with self._lock:
            if self._closed:
                raise _describe_loss("ended early")
            try:
                process = _Process(module)
            except OSError as error:
                raise _describe_loss("cannot be started") from error
            self._all.append(process)
        return process


class _Process:
    """A process of the pool, which loads a module first, if one is named."""

    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, module, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,  # Ctrl-C reaches only us
        )
        self._calls = cast("BinaryIO", self._process.stdin)
        self._answers = cast("BinaryIO", self._process.stdout)

    def call(self, call: Call, source: Callable[[], AbstractContextManager[Readable]] | None) -> None:
        with suppress(BrokenPipeError):  # after an error it does not read on, and `receive` says what that is
            messages.send(self._calls, call)
            if source:
                with source() as stream:
                    messages.send_stream(self._calls, stream)

    def receive(self) -> Any:
        try:
            return messages.receive(self._answers)
        except EOFError as error:
            raise _describe_loss("ended early") from error

    def end(self) -> None:
        """End the process at once; it has nothing to clean up."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._calls, self._answers):
            with suppress(OSError, ValueError):
                pipe.close()


def _describe_loss(what: str) -> UnreadableImage:
    return UnreadableImage(f"A process that reads layers {what}", advice="Try again; the memory may have run out.")


def _tell_nobody(_size: int) -> None:
    """Take in what nobody wants to know."""
