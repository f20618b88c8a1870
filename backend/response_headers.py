"""Adds the headers that every answer has: nobody keeps it, and nobody takes it for something else than it says."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

EVERYWHERE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class ResponseHeaders:
    """ASGI middleware around everything else, so that errors have them, too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers to its answer."""

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(EVERYWHERE)
            await send(message)

        await self._app(scope, receive, add if scope["type"] == "http" else send)
