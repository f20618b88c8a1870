"""Lets threads make things in the engine until all that was made is removed, so that nothing is made after that."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from weighbridge.errors import EngineFault


class Gate:
    """Open until it is closed, which waits for whoever is within."""

    def __init__(self) -> None:
        self._changed, self._within, self._is_closed = Condition(), 0, False

    @contextmanager
    def pass_through(self) -> Iterator[None]:
        """Make something within this block.

        Raises:
            EngineFault: It is too late.
        """
        with self._changed:
            if self._is_closed:
                raise EngineFault("The stack is being removed")
            self._within += 1
        try:
            yield
        finally:
            with self._changed:
                self._within -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Let nobody through any more, and wait for those within."""
        with self._changed:
            self._is_closed = True
            self._changed.wait_for(lambda: not self._within)
