"""A rule that is tried at the end, and whose work may begin before, while another rule only waits."""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.smoke.stack.background import Background
from weighbridge.smoke.stack.containers import Stack


class Later:
    """A rule's work."""

    def __init__(self, work: Callable[[Stack], str]) -> None:
        """Take what the rule does: it returns what it saw, or raises `CheckFailed`."""
        self._work = work
        self._begun: Background[str] | None = None

    def begin(self, stack: Stack) -> None:
        """Begin in a thread."""
        self._begun = Background(lambda: self._work(stack))

    def wait(self, stack: Stack) -> str:
        """Return what was seen, or raise `CheckFailed`."""
        return self._work(stack) if self._begun is None else self._begun.wait(stack)
