"""Lets the processes of one worker compare large records one at a time, because each needs many times their size."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.errors import Busy

LARGE_BYTES = 10**6
"""Two records that have more together are large. Those of `invoke report` are much smaller."""
WAIT_SECONDS = 8.0
"""How long a job waits for its turn. It keeps a process of the pool busy meanwhile, and is tried again afterwards."""
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of all processes that name the same file. One that is killed gives its turn back."""

    path: Path

    @contextmanager
    def take(self, size_bytes: int) -> Iterator[None]:
        """Hold the turn, if there is so much to compare that it needs one.

        Raises:
            Busy: Others were still at it after a while.
        """
        if size_bytes <= LARGE_BYTES:
            yield
            return
        with self.path.open("ab") as file:  # closing it ends the turn
            deadline = time.monotonic() + WAIT_SECONDS
            while not _lock(file.fileno()):
                if time.monotonic() > deadline:
                    raise Busy
                time.sleep(_LOOK_SECONDS)
            yield


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
