"""Runs a piece of work in a thread of its own, while rules wait for something else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from weighbridge.smoke.stack.containers import Stack

_LOOK_SECONDS = 0.05
_WATCH_SECONDS = 0.5

T = TypeVar("T")


class Background(Generic[T]):
    """Work that has been begun. It ends at the latest when the containers that it asks are removed."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._found: Future[T] = Future()
        threading.Thread(target=self._do, args=(work,), daemon=True).start()

    @property
    def is_done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._found.done()

    def wait(self, stack: Stack) -> T:
        """Wait until it has ended, and return its result or raise its error.

        Raises:
            RoleEnded: A role has ended meanwhile that has to run.
        """
        while not self.is_done:
            wait([self._found], _LOOK_SECONDS)
            stack.interruption.check()
            stack.check_alive(every=_WATCH_SECONDS)
        return self._found.result()

    def _do(self, work: Callable[[], T]) -> None:
        try:
            self._found.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again by `wait`, in the thread that asks
            self._found.set_exception(error)
