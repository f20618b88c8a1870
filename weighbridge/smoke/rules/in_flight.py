"""Ends an API while a request is half sent, and does so already while the last worker ends."""

from __future__ import annotations

from weighbridge.settings.probes import Request
from weighbridge.smoke.rules.later import Later
from weighbridge.smoke.rules.shutdown import finishes_request_in_flight
from weighbridge.smoke.stack.containers import Stack


class RequestInFlight(Later):
    """The end of an API that has a request to answer."""

    def __init__(self, role: str, request: Request) -> None:
        """Take the API and the request.

        Args:
            role: The API, which ends.
            request: A request that sends something.
        """
        super().__init__(lambda stack: finishes_request_in_flight(stack, role, request))
        self.role = role

    def begin(self, stack: Stack) -> None:
        """Begin, if the API has served. If it has not, the rules on its start report that."""
        if self.role in stack.observed.served:
            super().begin(stack)
