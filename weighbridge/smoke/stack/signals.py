"""Defers Ctrl-C and similar signals until nothing is half done.

A handler that raises at once could do so after a thing was created but before its removal is arranged, or in the middle
of the removal. Here the handler only notes the first signal; the run checks for it wherever it waits, but not while it
removes things. A second signal comes from somebody who does not want to wait: it raises at once, and the next run
removes what is left.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL_SECONDS = 0.1
_ONE_PRESS_SECONDS = 1.0
"""Signals this close together count as one: a terminal sends Ctrl-C to the whole group, and a wrapper may repeat it."""


class Interruption:
    """The first signal that has come, if any."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._noted_at = 0.0

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal: note the first, raise an error for a later one."""
        if self._number is None:
            self._number, self._noted_at = number, time.monotonic()
        elif time.monotonic() - self._noted_at >= _ONE_PRESS_SECONDS:
            self.check()

    @property
    def noted(self) -> bool:
        """Whether a signal has come."""
        return self._number is not None

    def check(self) -> None:
        """If a signal has come, raise `KeyboardInterrupt` for SIGINT, else `SystemExit` with 128 + its number."""
        if self._number == signal.SIGINT:
            raise KeyboardInterrupt
        if self._number:
            raise SystemExit(128 + self._number)

    def pause(self) -> None:
        """Sleep for a moment, then check for a signal, which does not end the sleep."""
        time.sleep(_POLL_SECONDS)
        self.check()


@contextmanager
def defer() -> Iterator[Interruption]:
    """Defer signals inside the block; if one has come and no check has raised it, raise it at the end of the block.

    Signals that this process ignores, for example under nohup, stay ignored. In other threads than the main one this
    does nothing, because Python delivers signals to the main thread alone.
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
