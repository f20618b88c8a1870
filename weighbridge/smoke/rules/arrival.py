"""The client's look at an API that is starting, taken while the engine's own word on its health is waited for."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from weighbridge.smoke.rules.api import arrive
from weighbridge.smoke.stack.containers import Stack


class Arrival:
    """When an API became live and ready. The look ends with the client's container at the latest."""

    def __init__(self) -> None:
        self._found: Mapping[str, Any] = {}
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None

    def begin(self, stack: Stack) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._look, args=(stack,), daemon=True)
        self._thread.start()

    def seen(self, stack: Stack) -> Mapping[str, Any]:
        """Wait until both have come, or the time is up; return what `scripts/arrival.py` saw."""
        if self._thread is None:
            self.begin(stack)
        while self._thread and self._thread.is_alive():
            self._thread.join(0.05)
            stack.interruption.check()
        if self._error:
            raise self._error
        return self._found

    def _look(self, stack: Stack) -> None:
        try:
            self._found = arrive(stack)
        except Exception as error:  # noqa: BLE001 - raised again by `seen`, in the thread that asks
            self._error = error
