"""Answers `/livez` while the application is loaded behind it. Any other request waits for the application.

A server listens when its application says that it has started. This one says so at once, and only then loads the
application, in a thread: its frameworks and drivers take most of a start. From then on it passes everything on.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.request_ids import RequestIds
from backend.response_headers import ResponseHeaders


class Front:
    """An ASGI application that stands in front of another one, which `load` returns."""

    def __init__(self, load: Callable[[], ASGIApp]) -> None:
        self._load = load
        self._alive: ASGIApp = RequestIds(ResponseHeaders(JSONResponse({"alive": True})))  # as the application has it
        self._answer: ASGIApp = self._answer_early
        self._has_started = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Live as long as the server, or answer a request."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer_early(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/livez" and scope["method"] in {"GET", "HEAD"}:
            await self._alive(scope, receive, send)
            return
        await self._has_started.wait()
        await self._answer(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the server listen, then load the application and let it live.

        If it cannot be loaded or does not start, the process ends with status 1 and the traceback.
        """
        messages = [await receive()]
        await send({"type": "lifespan.startup.complete"})

        async def receive_again() -> Message:
            return messages.pop() if messages else await receive()

        async def look(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._answer = app
                self._has_started.set()
            elif not message["type"].startswith("lifespan.startup"):
                await send(message)

        try:
            app = await asyncio.to_thread(self._load)
            await app(scope, receive_again, look)
        except Exception:
            if self._has_started.is_set():
                raise
            traceback.print_exc()
            asyncio.get_running_loop().call_soon(sys.exit, 1)  # outside this task, whose exceptions the server catches
