"""The routes: each validates its input, calls the service, and answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import ValidationError

from backend import service
from backend.access import Access
from backend.answers import Answers
from backend.bodies import Bodies
from backend.broker import Broker
from backend.errors import Invalid, WrongSchema, root_cause
from backend.media_types import check_media_type
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
from backend.store import Store, StoredComparison, StoredReport
from weighbridge.model.report import Report

_READY_SECONDS = 1.5
_SLICE_BYTES = 2**18
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The objects that the routes need, made once per application."""

    settings: Settings
    store: Store
    broker: Broker
    threads: Executor
    """Threads for readiness checks, separate from those of requests."""
    bodies: Bodies
    answers: Answers
    access: Access
    faults: dict[str, str] = field(default_factory=dict)
    """Service -> the fault that the last readiness check found."""


def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


Needs = Annotated[Services, Depends(_services)]


async def _may_read(request: Request, needs: Needs) -> None:
    needs.access.authorize(request, "read")


async def _may_write(request: Request, needs: Needs) -> None:
    needs.access.authorize(request, "write")


def _may_delete(request: Request, needs: Needs) -> None:
    needs.access.authorize(request, "admin")


async def _read_body(request: Request, needs: Needs) -> AsyncIterator[bytearray]:
    """Read the body ourselves, after `_may_write` has checked the token."""
    check_media_type(request.headers)
    async with needs.bodies.read(request) as body:
        yield body


Body = Annotated[bytearray, Depends(_read_body, scope="function")]


async def _until_sent() -> AsyncIterator[AsyncExitStack]:
    """Yield what is closed once the answer is sent, or its client has left."""
    async with AsyncExitStack() as stack:
        yield stack


Sent = Annotated[AsyncExitStack, Depends(_until_sent, scope="request")]


def _problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    return {code: {"model": Problem} for code in codes}


def _takes(schema: dict[str, Any]) -> dict[str, Any]:
    """Describe a body that the route parses itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_COMMON = (401, 403, 422, 429, 503)
probes = APIRouter(tags=["probes"])
reports = APIRouter(prefix="/v1/reports", tags=["reports"], responses=_problems(*_COMMON))
comparisons = APIRouter(prefix="/v1/comparisons", tags=["comparisons"], responses=_problems(404, *_COMMON))
_WITH_A_BODY = (400, 408, 413, 415)
_READ, _WRITE, _ADMIN = [Depends(_may_read)], [Depends(_may_write)], [Depends(_may_delete)]


@reports.post(
    "",
    status_code=201,
    dependencies=_WRITE,
    openapi_extra=_takes({"$ref": "#/components/schemas/Report"}),
    responses={200: {"model": ReportReference, "description": "Stored before"}, **_problems(*_WITH_A_BODY)},
)
def post_report(body: Body, needs: Needs, response: Response) -> ReportReference:
    """Store the whole record of one `invoke report`. Posting the same content twice stores one report."""
    report_id, is_new = service.add_report(needs.store, body)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/v1/reports/{report_id}"
    return ReportReference(id=report_id)


@reports.get("", response_model=ReportPage, dependencies=_READ)
async def list_reports(
    needs: Needs,
    sent: Sent,
    variant: Annotated[
        str | None, Query(max_length=200, pattern=r"^[^\x00]*$", description="Only reports with this variant.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(pattern=service.CURSOR, description="The `next` of an earlier answer.")] = None,
) -> Response:
    """List reports, newest first."""

    def read() -> bytes:
        page, following = service.list_reports(needs.store, variant=variant, limit=limit, cursor=cursor)
        return ReportPage(items=[_summarize(report) for report in page], next=following).model_dump_json().encode()

    return _send_json(await needs.answers.load(read, sent))


@reports.get(
    "/{report_id}",
    dependencies=_READ,
    response_class=Response,
    responses={200: {"model": Report, "description": "As posted"}, **_problems(404)},
)
async def get_report(report_id: str, needs: Needs, sent: Sent) -> Response:
    """Return a record as it was posted, with its unknown fields."""
    return _send_json(await needs.answers.load(lambda: service.get_record(needs.store, report_id), sent))


@reports.delete("/{report_id}", status_code=204, dependencies=_ADMIN, responses=_problems(404))
def delete_report(report_id: str, needs: Needs) -> None:
    """Delete a report with its comparisons. Its content can be posted again."""
    service.delete_report(needs.store, report_id)


@comparisons.post(
    "",
    status_code=202,
    dependencies=_WRITE,
    openapi_extra=_takes(ComparisonRequest.model_json_schema()),
    response_model=Comparison,
    responses=_problems(*_WITH_A_BODY),
)
async def post_comparison(body: Body, needs: Needs, sent: Sent) -> Response:
    """Start the comparison of two reports. The URL in the answer's Location shows its progress."""
    headers = {}

    def request() -> bytes:
        wanted = _parse_request(body)
        found = service.request_comparison(needs.store, needs.broker.send_comparison, wanted.before, wanted.after)
        headers["Location"] = f"/v1/comparisons/{found.id}"
        return _write_comparison(found)

    content = await needs.answers.load(request, sent)
    return _send_json(content, status_code=202, headers=headers)


@comparisons.get("/{comparison_id}", response_model=Comparison, dependencies=_READ)
async def get_comparison(comparison_id: str, needs: Needs, sent: Sent) -> Response:
    """Return a comparison: pending, done with the difference by variant and layer, or failed with the reason."""

    def read() -> bytes:
        return _write_comparison(service.get_comparison(needs.store, comparison_id))

    return _send_json(await needs.answers.load(read, sent))


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


@probes.get("/version")
async def version(needs: Needs) -> Version:
    """Return the version of this service."""
    known = needs.settings
    return Version(
        version=known.weighbridge_version, revision=known.weighbridge_revision, created=known.weighbridge_created
    )


def _parse_request(body: bytearray) -> ComparisonRequest:
    try:
        return ComparisonRequest.model_validate_json(body)
    except ValidationError as error:
        raise Invalid(describe(error.errors())) from None


def describe(faults: Any) -> str:
    """Return one line that names the first wrong field."""
    place = ".".join(str(part) for part in faults[0]["loc"] if part not in {"query", "path", "body"})
    return f"{place or 'The body'}: {faults[0]['msg']}"


def _tell(result: BaseException) -> str:
    """Say what failed in our own words: a driver's error text may contain an address and a password."""
    if isinstance(result, WrongSchema):
        return result.reason
    return "no answer in time" if isinstance(result, TimeoutError) else "does not answer"


def _summarize(report: StoredReport) -> ReportSummary:
    return ReportSummary(
        id=report.id,
        recorded_at=report.recorded_at,
        commit=report.commit,
        dirty=report.dirty,
        variants=[VariantSize(variant=name, shipped_bytes=size) for name, size in report.variants],
    )


def _write_comparison(found: StoredComparison) -> bytes:
    """Return its JSON, with the stored JSON of the difference as it is."""
    rest = Comparison(id=found.id, before=found.before, after=found.after, status=found.status, why=found.why)
    start = rest.model_dump_json(exclude={"difference"}).encode().removesuffix(b"}") + b',"difference":'
    return b"".join((start, found.difference or b"null", b"}"))


def _send_json(content: bytes, *, headers: dict[str, str] | None = None, status_code: int = 200) -> Response:
    """Answer with JSON as fast as the client reads, without copying the whole."""
    length = {"Content-Length": str(len(content))}
    return StreamingResponse(
        _slice(content), status_code, headers=length | (headers or {}), media_type="application/json"
    )


async def _slice(content: bytes) -> AsyncIterator[memoryview]:
    for start in range(0, len(content), _SLICE_BYTES):
        yield memoryview(content)[start : start + _SLICE_BYTES]
