"""Counts requests by route and status, and how long they took. It only adds numbers; `metrics.py` writes them."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds, each included in its class; a class without one is the last."""
OTHER = "other"
"""The route and the method of what has none that we know: a client must not make up series."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(slots=True)
class Durations:
    """How long the requests of one route took, until the answer was sent."""

    classes: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total_seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Count a request."""
        self.classes[bisect_left(BOUNDS, seconds)] += 1
        self.total_seconds += seconds


@dataclass(slots=True)
class Traffic:
    """What one application has answered, and is answering."""

    answers: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """Method, route and status -> requests."""
    durations: dict[str, Durations] = field(default_factory=dict)
    in_work: int = 0

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""
        self.answers[method if method in _METHODS else OTHER, route, status] += 1
        self.durations.setdefault(route, Durations()).add(seconds)


class TrafficCount:
    """ASGI middleware that counts. A request whose client left before an answer began counts as 499."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count it when it has ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 499

        async def look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._traffic.in_work += 1
        try:
            await self._app(scope, receive, look)
        except Exception:
            status = 500
            raise
        finally:
            self._traffic.in_work -= 1
            route = getattr(scope.get("route"), "path", OTHER)
            self._traffic.note(scope["method"], route, status, time.monotonic() - began)
