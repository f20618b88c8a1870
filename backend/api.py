"""The routes: validate, call the service, answer."""

from __future__ import annotations

import asyncio
import hmac
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from backend import service
from backend.broker import Broker
from backend.errors import Invalid
from backend.schemas import (
    Comparison,
    ComparisonRequest,
    Problem,
    Readiness,
    ReportPage,
    ReportReference,
    ReportSummary,
    VariantSize,
    Version,
)
from backend.settings import Settings
from backend.store import Store, StoredComparison
from weighbridge.model import Report

_READY_SECONDS = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the routes need, made once per application."""

    settings: Settings
    store: Store
    broker: Broker
    threads: Executor
    """Where readiness checks wait, apart from the requests' threads."""


def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


Needs = Annotated[Services, Depends(_services)]


def authorize(request: Request, needs: Needs) -> None:
    """Let a write pass only with the token, where one is set. Bytes are compared, in constant time."""
    token = needs.settings.api_token
    if token is None:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    expected = token.get_secret_value().encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(given.strip(" ").encode("latin-1"), expected) or scheme.lower() != "bearer":
        raise HTTPException(401, "This needs the service's bearer token", {"WWW-Authenticate": "Bearer"})


async def _read_body(request: Request) -> bytes:
    """Read the body ourselves, after the token was checked; main.py's middleware limits it."""
    return await request.body()


Body = Annotated[bytes, Depends(_read_body)]


def _problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Problem} for code in codes}


def _takes(schema: dict[str, Any]) -> dict[str, Any]:
    """Describe a body that the route parses itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


probes = APIRouter(tags=["probes"])
reports = APIRouter(prefix="/v1/reports", tags=["reports"], responses=_problems(422, 503))
comparisons = APIRouter(prefix="/v1/comparisons", tags=["comparisons"], responses=_problems(404, 422, 503))
_WRITE = [Depends(authorize)]


@reports.post(
    "",
    status_code=201,
    dependencies=_WRITE,
    openapi_extra=_takes({"$ref": "#/components/schemas/Report"}),
    responses={200: {"model": ReportReference, "description": "Kept before"}, **_problems(401, 413)},
)
def post_report(body: Body, needs: Needs, response: Response) -> ReportReference:
    """Keep the record of one `invoke report`, whole. The same content twice is one report."""
    report_id, is_new = service.add_report(needs.store, body)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/v1/reports/{report_id}"
    return ReportReference(id=report_id)


@reports.get("")
def list_reports(
    needs: Needs,
    variant: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="Only with it.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=500, description="The `next` of an earlier answer.")] = None,
) -> ReportPage:
    """List reports, newest first."""
    page, following = service.list_reports(needs.store, variant=variant, limit=limit, cursor=cursor)
    items = [
        ReportSummary(
            id=report.id,
            recorded_at=report.recorded_at,
            commit=report.commit,
            dirty=report.dirty,
            variants=[VariantSize(variant=name, shipped_bytes=size) for name, size in report.variants],
        )
        for report in page
    ]
    return ReportPage(items=items, next=following)


@reports.get(
    "/{report_id}",
    response_class=Response,
    responses={200: {"model": Report, "description": "As posted"}, **_problems(404)},
)
def get_report(report_id: str, needs: Needs) -> Response:
    """Return a record as it was posted, unknown fields included."""
    return Response(service.get_record(needs.store, report_id), media_type="application/json")


@comparisons.post(
    "",
    status_code=202,
    dependencies=_WRITE,
    openapi_extra=_takes(ComparisonRequest.model_json_schema()),
    responses=_problems(401),
)
def post_comparison(body: Body, needs: Needs, response: Response) -> Comparison:
    """Have two reports compared. The answer's Location tells how far that is."""
    try:
        wanted = ComparisonRequest.model_validate_json(body)
    except ValidationError as error:
        raise Invalid(describe(error.errors())) from None
    found = service.request_comparison(needs.store, needs.broker.send_comparison, wanted.before, wanted.after)
    response.headers["Location"] = f"/v1/comparisons/{found.id}"
    return _comparison(found)


@comparisons.get("/{comparison_id}")
def get_comparison(comparison_id: str, needs: Needs) -> Comparison:
    """Return a comparison: pending, done with the difference by variant and layer, or failed with why."""
    return _comparison(service.get_comparison(needs.store, comparison_id))


@probes.get("/livez")
async def livez() -> dict[str, bool]:
    """Answer, and touch nothing: a container is not restarted because its database is down."""
    return {"alive": True}


@probes.get("/readyz", responses={503: {"model": Readiness}})
async def readyz(needs: Needs) -> JSONResponse:
    """Tell whether Redis and the database answer, by name."""
    checks = {"redis": needs.broker.ping, "database": needs.store.ping}
    loop = asyncio.get_running_loop()
    waits = (asyncio.wait_for(loop.run_in_executor(needs.threads, check), _READY_SECONDS) for check in checks.values())
    results = await asyncio.gather(*waits, return_exceptions=True)
    ready = not any(isinstance(result, BaseException) for result in results)
    told = {name: "ok" if result is None else _tell(result) for name, result in zip(checks, results, strict=True)}
    return JSONResponse(Readiness(ready=ready, checks=told).model_dump(), 200 if ready else 503)


@probes.get("/version")
async def version(needs: Needs) -> Version:
    """Tell what runs here."""
    return Version(version=needs.settings.weighbridge_version, revision=needs.settings.weighbridge_revision)


def describe(faults: Any) -> str:
    """Return one line that names the first field at fault."""
    place = ".".join(str(part) for part in faults[0]["loc"] if part not in {"query", "path", "body"})
    return f"{place or 'The body'}: {faults[0]['msg']}"


def _tell(result: BaseException) -> str:
    """Say what failed without an address: error texts of drivers may hold one, and a password."""
    return "no answer in time" if isinstance(result, TimeoutError) else "does not answer"


def _comparison(found: StoredComparison) -> Comparison:
    difference = service.read_difference(found)
    return Comparison(
        id=found.id,
        before=found.before,
        after=found.after,
        status=found.status,
        why=found.why,
        difference=None if difference is None else list(difference),
    )
