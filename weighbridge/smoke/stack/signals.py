"""Ctrl-C and its kin, held back until nothing is half done.

A handler that raises at once may do so between a thing's creation and the line that would remove it, or in the middle
of the removal. Here the first signal is only written down; the run looks for it wherever it waits, and removal never
looks. The second is somebody's who will wait no longer: it raises at once, and the next run removes what that leaves.
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
"""Signals this close together are one: a terminal sends Ctrl-C to the whole group, and a wrapper passes it on too."""


class Interruption:
    """The first signal that came, if one did."""

    def __init__(self) -> None:
        self._number: int | None = None
        self._noted_at = 0.0

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Write the first signal down and raise a later one; this is the handler."""
        if self._number is None:
            self._number, self._noted_at = number, time.monotonic()
        elif time.monotonic() - self._noted_at >= _ONE_PRESS_SECONDS:
            self.check()

    @property
    def noted(self) -> bool:
        """Whether a signal has come."""
        return self._number is not None

    def check(self) -> None:
        """Raise what the signal would have: `KeyboardInterrupt` for SIGINT, else `SystemExit` with 128 + its number."""
        if self._number == signal.SIGINT:
            raise KeyboardInterrupt
        if self._number:
            raise SystemExit(128 + self._number)

    def pause(self) -> None:
        """Sleep for a moment, then check: a sleep does not end early for a signal."""
        time.sleep(_POLL_SECONDS)
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
