"""The application: its parts put together, its errors put into one shape, its bodies limited.

Started by `uvicorn backend.main:app`, or made for a test by `create_app`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend import logs
from backend.api import Services, comparisons, describe, probes, reports
from backend.broker import Broker
from backend.errors import BackendError, Invalid, NotFound, Unavailable
from backend.settings import Settings, load_settings
from backend.store import Store

MAX_BODY_BYTES = 10**7
_STATUS: dict[type[BackendError], int] = {Invalid: 422, NotFound: 404, Unavailable: 503}
_log = logging.getLogger(__name__)


class BodyLimit:
    """Answers 413 to a body beyond the limit, and never holds more than the limit of it.

    The excess is read and thrown away, as much again at most, so that a client which writes before it reads gets the
    answer and not a broken connection.
    """

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what comes, whatever Content-Length says."""
        read = 0
        # The connection ends with the answer, or the server would go on reading what nobody wants.
        too_large = HTTPException(413, f"The body is larger than {self._limit} bytes", {"Connection": "close"})

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read <= self._limit:
                return message
            while message.get("more_body", False) and read <= 2 * self._limit:
                message = await receive()
                read += len(message.get("body", b""))
            raise too_large

        await self._app(scope, limited if scope["type"] == "http" else receive, send)


def create_app(settings: Settings) -> FastAPI:
    """Return an application. Nothing is connected to before it is needed: Redis and the database may come up later."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        store, broker = Store(settings.database_url), Broker(settings)
        threads = ThreadPoolExecutor(4, thread_name_prefix="readyz")  # bounded: hung checks starve only each other
        app.state.services = Services(settings=settings, store=store, broker=broker, threads=threads)
        try:
            yield
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            broker.close()
            store.close()

    app = FastAPI(
        title="Weighbridge report service",
        description="Keeps the records of `invoke report` and compares them.",
        version=settings.weighbridge_version or "0",
        lifespan=lifespan,
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
    )
    app.add_middleware(BodyLimit)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(BackendError, _refused)
    app.add_exception_handler(Exception, _failed)
    for router in (reports, comparisons, probes):
        app.include_router(router)
    return app


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    return JSONResponse({"detail": describe(faults)}, 422)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    status = next(code for kind, code in _STATUS.items() if isinstance(error, kind))
    if not isinstance(error, Unavailable):
        return JSONResponse({"detail": str(error)}, status)
    _log.warning("%s %s: %s", request.method, request.url.path, error, exc_info=error)
    return JSONResponse({"detail": str(error)}, status, {"Retry-After": "5"})


async def _failed(_: Request, __: Exception) -> JSONResponse:
    """Answer in the common shape; the server logs the exception."""
    return JSONResponse({"detail": "An error of the service; its log tells more"}, 500)


def _start() -> FastAPI:
    """Log before anything else does: uvicorn's own first line comes after this import."""
    settings = load_settings()
    logs.configure(settings.log_level, settings.secrets())
    return create_app(settings)


app = _start()
