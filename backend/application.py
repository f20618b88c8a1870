"""Assembles the application, and gives all of its errors the same shape."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.routing import compile_path

from backend import description, tracing
from backend.access import Access
from backend.admission import UNLIMITED, Admission
from backend.answers import Answers
from backend.api import comparisons, describe, reports
from backend.bodies import Bodies
from backend.broker import Broker
from backend.errors import RETRY_SECONDS, BackendError, Invalid, NotFound, Unavailable, root_cause
from backend.logs import shorten
from backend.observer import Observer
from backend.probes import probes
from backend.request_ids import HEADER, RequestIds, find_current
from backend.response_headers import EVERYWHERE, ResponseHeaders
from backend.services import Services
from backend.settings import Settings
from backend.store import Store
from backend.tokens import Tokens
from backend.traffic import Traffic, TrafficCount

_STATUS: dict[type[BackendError], int] = {Invalid: 422, NotFound: 404, Unavailable: 503}
_log = logging.getLogger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """Return an application. It connects only on first use, because Redis and the database may start later."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        store, broker = Store(settings.database_url), Broker(settings)
        threads = ThreadPoolExecutor(4, thread_name_prefix="readyz")  # bounded: hung checks starve only each other
        app.state.services = Services(
            settings=settings,
            store=store,
            broker=broker,
            threads=threads,
            bodies=Bodies(),
            answers=Answers(),
            access=access,
            observer=Observer(store, broker, threads),
            traffic=traffic,
        )
        if not access.needs_token("write"):
            _log.warning(
                "Neither API_TOKEN nor WRITE_TOKENS is set: everyone who can reach this service may write to it"
            )
        tracing.start("api")
        try:
            yield
        finally:
            tracing.stop()
            threads.shutdown(wait=False, cancel_futures=True)
            broker.close()
            store.close()

    traffic = Traffic()
    access = Access(
        Tokens(settings),
        reads_need_token=settings.reads_need_token,
        metrics_need_token=settings.metrics_need_token,
    )
    app = FastAPI(
        title="Weighbridge report service",
        description="Stores the records of `invoke report` and compares them.",
        version=settings.weighbridge_version or "0",
        lifespan=lifespan,
        docs_url=None,  # these pages load scripts from the network
        redoc_url=None,
        telemetry={
            "auto_configure": False,  # `tracing` configures it
            "metrics": False,  # `/metrics` has them
            "logs": False,
            "operation_spans": False,
            "exclude": _is_probe,
        },
        redirect_slashes=False,  # the address of a redirect would be made of the request's Host
    )
    app.add_middleware(Admission)
    app.add_middleware(ResponseHeaders)
    app.add_middleware(TrafficCount, traffic=traffic)
    app.add_middleware(RequestIds)  # outside, because it was added last
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(BackendError, _refused)
    app.add_exception_handler(405, _no_such_method)
    app.add_exception_handler(Exception, _failed)
    for router in (reports, comparisons, probes):
        app.include_router(router)
    description.install(app, access)
    return app


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    """Tell whether a request has no span: who asks whether we work asks so often that nobody could see the rest."""
    return scope.get("path") in UNLIMITED


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    return JSONResponse({"detail": describe(faults)}, 422)


async def _no_such_method(request: Request, _: Exception) -> JSONResponse:
    """Name the methods of all routes with this path. The framework would name those of the first one."""
    path = request.url.path
    known: dict[str, dict[str, object]] = request.app.openapi()["paths"]
    methods = {method.upper() for form, verbs in known.items() if compile_path(form)[0].match(path) for method in verbs}
    return JSONResponse({"detail": "Method Not Allowed"}, 405, {"Allow": ", ".join(sorted(methods))})


async def _refused(request: Request, error: Exception) -> JSONResponse:
    status = next(code for kind, code in _STATUS.items() if isinstance(error, kind))
    if not isinstance(error, Unavailable):
        return JSONResponse({"detail": str(error)}, status)
    _log.warning("%s %s: %s", request.method, shorten(request.url.path), root_cause(error))
    return JSONResponse({"detail": str(error)}, status, {"Retry-After": str(RETRY_SECONDS)})


async def _failed(_: Request, __: Exception) -> JSONResponse:
    """Answer in the common shape; the server logs the exception."""
    headers = EVERYWHERE | {HEADER: find_current() or ""}
    return JSONResponse({"detail": "The service has failed; see its log"}, 500, headers)
