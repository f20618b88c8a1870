"""Ends an API while a request is half sent, and does so already while the last worker ends."""

from __future__ import annotations

from weighbridge.settings.probes import Request
from weighbridge.smoke.rules.shutdown import finishes_request_in_flight
from weighbridge.smoke.stack.background import Background
from weighbridge.smoke.stack.containers import Stack


class RequestInFlight:
    """The end of an API that has a request to answer."""

    def __init__(self, role: str, request: Request) -> None:
        """Take the API and the request.

        Args:
            role: The API, which ends.
            request: A request that sends something.
        """
        self.role = role
        self._request = request
        self._begun: Background[str] | None = None

    def begin(self, stack: Stack) -> None:
        """Begin, if the API has served. If it has not, the rules on its start report that."""
        if self.role in stack.observed.served:
            self._begun = Background(lambda: finishes_request_in_flight(stack, self.role, self._request))

    def wait(self, stack: Stack) -> str:
        """Return what was seen, or raise `CheckFailed`."""
        if self._begun is None:
            return finishes_request_in_flight(stack, self.role, self._request)
        return self._begun.wait(stack)
