"""The routes for those who look after the service: probes, metrics and its version."""

from __future__ import annotations

import asyncio
import logging

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from redis.exceptions import ResponseError

from backend import connection
from backend.errors import WrongSchema, root_cause
from backend.observer import Observed
from backend.schemas import Readiness, Version
from backend.services import Needs, Services, describe_problems

_READY_SECONDS = 1.5
_log = logging.getLogger(__name__)
probes = APIRouter(tags=["probes"])


@probes.head("/livez", include_in_schema=False)
@probes.get("/livez")
async def livez() -> dict[str, bool]:
    """Answer without asking any service, so that nobody restarts a container because its database is down."""
    return {"alive": True}


@probes.head("/readyz", include_in_schema=False)
@probes.get("/readyz", responses={503: {"model": Readiness}})
async def readyz(needs: Needs) -> JSONResponse:
    """Tell for Redis and the database whether they answer."""
    checks = {"redis": needs.broker.ping, "database": needs.store.ping}
    loop = asyncio.get_running_loop()
    waits = (asyncio.wait_for(loop.run_in_executor(needs.threads, check), _READY_SECONDS) for check in checks.values())
    results = await asyncio.gather(*waits, return_exceptions=True)
    faults = {name: result for name, result in zip(checks, results, strict=True) if result is not None}
    reasons = {name: _tell(fault) for name, fault in faults.items()}
    for name in checks:  # logs only changes: probes come every few seconds
        if name in reasons and reasons[name] != needs.faults.get(name):
            _log.warning("not ready: %s %s: %s", name, reasons[name], root_cause(faults[name]))
        elif name in needs.faults and name not in reasons:
            _log.info("ready again: %s", name)
    needs.faults.clear()
    needs.faults.update(reasons)
    readiness = Readiness(ready=not reasons, checks=dict.fromkeys(checks, "ok") | reasons)
    return JSONResponse(readiness.model_dump(), 503 if reasons else 200)


def _may_see_metrics(request: Request, needs: Needs) -> None:
    needs.access.authorize_metrics(request)


@probes.get(
    "/metrics",
    dependencies=[Depends(_may_see_metrics)],
    response_class=PlainTextResponse,
    responses=describe_problems(401, 403, 429),
)
async def metrics(needs: Needs) -> Response:
    """Tell in the text format of Prometheus what the service does, and what waits in the database and in Redis."""
    observed = await needs.observer.observe()
    return await asyncio.get_running_loop().run_in_executor(needs.threads, _write_metrics, needs, observed)


@probes.get("/version")
async def version(needs: Needs) -> Version:
    """Return the version of this service."""
    known = needs.settings
    return Version(
        version=known.weighbridge_version, revision=known.weighbridge_revision, created=known.weighbridge_created
    )


def _write_metrics(needs: Services, observed: Observed) -> Response:
    from backend.metrics import CONTENT_TYPE, Moment, write  # noqa: PLC0415 - slow, and many never ask

    moment = Moment(
        traffic=needs.traffic,
        observed=observed,
        connections=connection.counts.open,
        refused_connections=connection.counts.refused,
        bytes_in_flight={"answers": needs.answers.held_bytes, "bodies": needs.bodies.held_bytes},
    )
    return Response(write(moment), media_type=CONTENT_TYPE)


def _tell(result: BaseException) -> str:
    """Say what failed in our own words: a driver's error text may contain an address and a password."""
    if isinstance(result, WrongSchema):
        return result.reason
    if isinstance(result, ResponseError):
        return "takes no messages"
    return "no answer in time" if isinstance(result, TimeoutError) else "does not answer"
