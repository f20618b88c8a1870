"""The client's look at an API that is starting, taken while the engine's own word on its health is waited for."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait

from weighbridge.smoke.rules.api import arrive
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.observations import Arrived


class Arrival:
    """When an API became live and ready. The look ends with the client's container at the latest."""

    def __init__(self) -> None:
        self._found: Future[Arrived] = Future()
        self._begun = False

    def begin(self, stack: Stack) -> None:
        """Begin to look."""
        self._begun = True
        threading.Thread(target=self._look, args=(stack,), daemon=True).start()

    def seen(self, stack: Stack) -> Arrived:
        """Wait until both have come, or the time is up; return when they came."""
        if not self._begun:
            self.begin(stack)
        while not self._found.done():
            wait([self._found], 0.05)
            stack.interruption.check()
        return self._found.result()

    def _look(self, stack: Stack) -> None:
        try:
            self._found.set_result(arrive(stack))
        except BaseException as error:  # noqa: BLE001 - raised again by `seen`, in the thread that asks
            self._found.set_exception(error)
