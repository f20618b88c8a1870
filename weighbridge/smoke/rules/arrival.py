"""Watches an API from the client while it starts, at the same time as the rule on its start waits for its health."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait

from weighbridge.smoke.rules.api import watch_arrival
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.observations import Arrived, Moment


class Arrival:
    """Finds out when an API becomes live and ready. It stops at the latest when the client's container ends."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._found: Future[Arrived] = Future()
        self._ended: Moment | None = None
        self._begun = False

    def begin(self, stack: Stack) -> None:
        """Begin to watch."""
        self._begun, self._found = True, Future()
        threading.Thread(target=self._look, args=(stack, self._found), daemon=True).start()

    def wait(self, stack: Stack) -> Arrived:
        """Wait until the API is live and ready, or the time is up; return when it became so.

        An API may take longer than that to start. Then its time begins anew.
        """
        if not self._begun or self._has_stopped_too_soon(stack):
            self.begin(stack)
        while not self._found.done():
            wait([self._found], 0.05)
            stack.interruption.check()
            stack.check_alive(every=0.5)
        return self._found.result()

    def _has_stopped_too_soon(self, stack: Stack) -> bool:
        """Tell whether the time was up before the API had started."""
        settled = stack.observed.settled.get(self._role)
        return bool(settled and self._ended and self._ended.monotonic < settled.monotonic)

    def _look(self, stack: Stack, found: Future[Arrived]) -> None:
        try:
            arrived = watch_arrival(stack, self._role)
            if arrived.ready_at is None:
                self._ended = Moment.now()
            found.set_result(arrived)
        except BaseException as error:  # noqa: BLE001 - raised again by `wait`, in the thread that asks
            self._ended = Moment.now()
            found.set_exception(error)
