"""The routes: each validates its input, calls the service, and answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from backend import service
from backend.answers import SLICE_BYTES
from backend.errors import Invalid
from backend.large_values import LargeValue
from backend.media_types import check_media_type
from backend.schemas import (
    Comparison,
    ComparisonRequest,
    ReportPage,
    ReportReference,
    ReportSummary,
    VariantSize,
)
from backend.services import Needs, Services, describe_problems
from backend.sliced_response import SlicedResponse
from backend.store import StoredComparison, StoredReport
from weighbridge.model.report import Report

_END = b"}"


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


def _takes(schema: dict[str, Any]) -> dict[str, Any]:
    """Describe a body that the route parses itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_COMMON = (401, 403, 422, 429, 503)
reports = APIRouter(prefix="/v1/reports", tags=["reports"], responses=describe_problems(*_COMMON))
comparisons = APIRouter(prefix="/v1/comparisons", tags=["comparisons"], responses=describe_problems(404, *_COMMON))
_WITH_A_BODY = (400, 408, 413, 415)
_READ, _WRITE, _ADMIN = [Depends(_may_read)], [Depends(_may_write)], [Depends(_may_delete)]


@reports.post(
    "",
    status_code=201,
    dependencies=_WRITE,
    openapi_extra=_takes({"$ref": "#/components/schemas/Report"}),
    responses={200: {"model": ReportReference, "description": "Stored before"}, **describe_problems(*_WITH_A_BODY)},
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
    responses={200: {"model": Report, "description": "As posted"}, **describe_problems(404)},
)
async def get_report(report_id: str, needs: Needs, sent: Sent) -> Response:
    """Return a record as it was posted, with its unknown fields."""
    record = await run_in_threadpool(service.find_record, needs.store, report_id)
    return SlicedResponse(await needs.answers.begin(record, sent), record.size)


@reports.delete("/{report_id}", status_code=204, dependencies=_ADMIN, responses=describe_problems(404))
def delete_report(report_id: str, needs: Needs) -> None:
    """Delete a report with its comparisons. Its content can be posted again."""
    service.delete_report(needs.store, report_id)


@comparisons.post(
    "",
    status_code=202,
    dependencies=_WRITE,
    openapi_extra=_takes(ComparisonRequest.model_json_schema()),
    response_model=Comparison,
    responses=describe_problems(*_WITH_A_BODY),
)
async def post_comparison(body: Body, needs: Needs, sent: Sent) -> Response:
    """Start the comparison of two reports. The URL in the answer's Location shows its progress."""

    def request() -> tuple[StoredComparison, LargeValue | None]:
        wanted = _parse_request(body)
        found = service.request_comparison(needs.store, needs.broker.send_comparison, wanted.before, wanted.after)
        return service.find_comparison(needs.store, found.id)

    found, difference = await run_in_threadpool(request)
    answer = await _send_comparison(found, difference, needs, sent)
    answer.status_code = 202
    answer.headers["Location"] = f"/v1/comparisons/{found.id}"
    return answer


@comparisons.get("/{comparison_id}", response_model=Comparison, dependencies=_READ)
async def get_comparison(comparison_id: str, needs: Needs, sent: Sent) -> Response:
    """Return a comparison: pending, done with the difference by variant and layer, or failed with the reason."""
    found, difference = await run_in_threadpool(service.find_comparison, needs.store, comparison_id)
    return await _send_comparison(found, difference, needs, sent)


async def _send_comparison(
    found: StoredComparison, difference: LargeValue | None, needs: Services, sent: AsyncExitStack
) -> Response:
    """Answer with its JSON, in which the stored JSON of the difference stands as it is."""
    rest = Comparison(id=found.id, before=found.before, after=found.after, status=found.status, why=found.why)
    if difference is None:
        return _send_json(rest.model_dump_json().encode())
    start = rest.model_dump_json(exclude={"difference"}).encode().removesuffix(_END) + b',"difference":'
    parts = await needs.answers.begin(difference, sent)
    return SlicedResponse(_enclose(start, parts, _END), len(start) + difference.size + len(_END))


async def _enclose(start: bytes, parts: AsyncIterator[bytes], end: bytes) -> AsyncIterator[bytes]:
    yield start
    async for part in parts:
        yield part
    yield end


def _parse_request(body: bytearray) -> ComparisonRequest:
    try:
        return ComparisonRequest.model_validate_json(body)
    except ValidationError as error:
        raise Invalid(describe(error.errors())) from None


def describe(faults: Any) -> str:
    """Return one line that names the first wrong field."""
    place = ".".join(str(part) for part in faults[0]["loc"] if part not in {"query", "path", "body"})
    return f"{place or 'The body'}: {faults[0]['msg']}"


def _summarize(report: StoredReport) -> ReportSummary:
    return ReportSummary(
        id=report.id,
        recorded_at=report.recorded_at,
        commit=report.commit,
        dirty=report.dirty,
        variants=[VariantSize(variant=name, shipped_bytes=size) for name, size in report.variants],
    )


def _send_json(content: bytes) -> Response:
    """Answer with JSON as fast as the client reads, without copying the whole."""
    return StreamingResponse(
        _slice(content), headers={"Content-Length": str(len(content))}, media_type="application/json"
    )


async def _slice(content: bytes) -> AsyncIterator[memoryview]:
    for start in range(0, len(content), SLICE_BYTES):
        yield memoryview(content)[start : start + SLICE_BYTES]
