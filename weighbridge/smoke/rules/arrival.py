"""Watches an API from the client while it starts, at the same time as the rule on its start waits for its health."""

from __future__ import annotations

from weighbridge.smoke.rules.api import watch_arrival
from weighbridge.smoke.stack.background import Background
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.observations import Arrived, Moment


class Arrival:
    """Finds out when an API becomes live and ready. It stops at the latest when the client's container ends."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._watch: Background[Arrived] | None = None
        self._ended: Moment | None = None

    def begin(self, stack: Stack) -> None:
        """Begin to watch."""
        self._watch = self._begin(stack)

    def wait(self, stack: Stack) -> Arrived:
        """Wait until the API is live and ready, or its time is up; return when it became live and ready.

        If its time was up before it had even started, it gets the same time again.
        """
        if self._watch is None or self._has_stopped_too_soon(stack):
            self._watch = self._begin(stack)
        return self._watch.wait(stack)

    def _begin(self, stack: Stack) -> Background[Arrived]:
        return Background(lambda: self._look(stack))

    def _has_stopped_too_soon(self, stack: Stack) -> bool:
        """Tell whether the time was up before the API had started."""
        settled = stack.observed.settled.get(self._role)
        return bool(settled and self._ended and self._ended.monotonic < settled.monotonic)

    def _look(self, stack: Stack) -> Arrived:
        arrived = None
        try:
            arrived = watch_arrival(stack, self._role)
        finally:
            if arrived is None or arrived.ready_at is None:
                self._ended = Moment.now()
        return arrived
