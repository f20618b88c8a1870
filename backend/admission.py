"""Limits how many requests are answered at once. Others wait for a moment, and are then sent away."""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.errors import RETRY_SECONDS, Busy

MAX_REQUESTS = 64
WAIT_SECONDS = 5.0
UNLIMITED = frozenset({"/livez", "/readyz", "/metrics"})
"""Who asks whether the service works must not be told that it is busy."""


class Admission:
    """ASGI middleware that lets a limited number of requests through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._places = asyncio.Semaphore(MAX_REQUESTS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on when there is a place, or answer 503."""
        if scope["type"] != "http" or scope["path"] in UNLIMITED:
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            headers = {"Retry-After": str(RETRY_SECONDS), "Connection": "close"}
            await JSONResponse({"detail": str(Busy())}, 503, headers)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._places.release()
