"""The id of the request that is answered, or that a job comes from: every line that is logged meanwhile has it."""

from __future__ import annotations

import re
import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend import tracing

HEADER = "X-Request-ID"
_SANE = re.compile("[A-Za-z0-9][A-Za-z0-9._:+/=-]{0,63}")


@dataclass(frozen=True, slots=True)
class Origin:
    """What the current work was asked for by, and when it began."""

    request_id: str
    began: float = field(default_factory=time.monotonic)


_origin: ContextVar[Origin | None] = ContextVar("origin", default=None)


def find_origin() -> Origin | None:
    """Return what the current work was asked for by; None for work of our own."""
    return _origin.get()


def find_current() -> str | None:
    """Return the id of the current request; None for work of our own."""
    origin = _origin.get()
    return None if origin is None else origin.request_id


def follow(given: object) -> None:
    """Work for this id from now on; for none, if it is no sane one."""
    _origin.set(Origin(given) if is_sane(given) and isinstance(given, str) else None)


def is_sane(given: object) -> bool:
    """Tell whether an id from outside may be taken over into logs, answers and messages."""
    return isinstance(given, str) and _SANE.fullmatch(given) is not None


class RequestIds:
    """ASGI middleware that gives each request its id: that of the header if it is sane, otherwise a new one.

    The id outlives the request within its task, because the server logs an exception only after we have ended.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add its id to its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER)
        request_id = given if given is not None and is_sane(given) else secrets.token_hex(16)
        follow(request_id)
        tracing.note_request(request_id)

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self._app(scope, receive, add)
