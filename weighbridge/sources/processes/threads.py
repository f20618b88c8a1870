"""Threads that make calls, and that nobody waits for at the end: one may be reading from a server that sends nothing.

Those of `concurrent.futures` are waited for, when their executor ends and again when the program does.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

_Job = tuple[Future[Any], Callable[[], Any]]


class Threads:
    """Some threads, each of which starts when there is work for it."""

    def __init__(self, most: int) -> None:
        """Begin without any thread; later there are at most `most`."""
        self._most, self._count = most, 0
        self._jobs = SimpleQueue[_Job | None]()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Call a function in a thread, as soon as one has nothing else to do."""
        future = Future[Any]()
        self._jobs.put((future, partial(function, *arguments)))
        if self._count < self._most:
            self._count += 1
            Thread(target=_work, args=(self._jobs,), daemon=True).start()
        return future

    def close(self) -> None:
        """Cancel what has not begun, and let each thread end with what it does. Do not submit anything afterwards."""
        with suppress(Empty):
            while job := self._jobs.get_nowait():
                job[0].cancel()
        for _ in range(self._count):
            self._jobs.put(None)


def _work(jobs: SimpleQueue[_Job | None]) -> None:
    while job := jobs.get():
        future, call = job
        if future.set_running_or_notify_cancel():
            _fulfil(future, call)
        del job, future, call  # while this waits for the next, nobody else may need them


def _fulfil(future: Future[Any], call: Callable[[], Any]) -> None:
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - whoever waits for the result raises it
        future.set_exception(error)
    else:
        future.set_result(result)
