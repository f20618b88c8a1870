"""Ctrl-C and its kin, held back until nothing is half done.

A handler that raises at once may do so between a thing's creation and the line that would remove it, or in the middle
of the removal. Here a signal is only written down; the run looks for it wherever it waits, and removal never looks.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """The first signal that came, if one did."""

    def __init__(self) -> None:
        self._number: int | None = None

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Write a signal down; this is the handler."""
        self._number = self._number or number

    def check(self) -> None:
        """Raise what the signal would have: `KeyboardInterrupt` for SIGINT, else `SystemExit` with 128 + its number."""
        if self._number == signal.SIGINT:
            raise KeyboardInterrupt
        if self._number:
            raise SystemExit(128 + self._number)

    def pause(self, seconds: float) -> None:
        """Sleep, then check. Keep it short: a sleep does not end early for a signal."""
        time.sleep(seconds)
        self.check()


@contextmanager
def deferred() -> Iterator[Interruption]:
    """Hold signals back inside the block; one that nobody has looked for is raised at its end.

    Signals that this process ignores stay ignored, as under nohup. Outside the main thread nothing changes, because
    Python delivers signals to the main thread alone.
    """
    interruption = Interruption()
    before = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    before[number] = signal.signal(number, interruption.note)
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    interruption.check()
