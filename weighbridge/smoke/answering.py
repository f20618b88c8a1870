"""Rules on what the API answers, and on the worker behind it: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from weighbridge.smoke import reports
from weighbridge.smoke.containers import Stack
from weighbridge.smoke.failures import CheckFailed
from weighbridge.smoke.http import Answer, Client

_OK, _CREATED, _ACCEPTED = 200, 201, 202


def ready(stack: Stack) -> str:
    """The API says that it reaches its services."""
    client = Client(stack)
    answer = _poll(stack, lambda: client.get("/readyz"), lambda answer: answer.status == _OK)
    answer.expect(_OK)
    return "GET /readyz answered 200"


def serves_openapi(stack: Stack) -> str:
    """The API describes itself."""
    answer = Client(stack).get("/openapi.json").expect(_OK)
    version, paths = answer.field("openapi"), answer.field("paths")
    if not paths:
        raise CheckFailed("GET /openapi.json describes no path")
    return f"OpenAPI {version}, {len(paths)} paths"


def stores_a_report(stack: Stack) -> str:
    """A report that is posted twice is kept once and comes back as it was."""
    client, record = Client(stack), reports.before()
    first = client.post("/v1/reports", record).expect(_CREATED).field("id")
    second = client.post("/v1/reports", record).expect(_OK, _CREATED).field("id")
    if first != second:
        raise CheckFailed(f"the same report was kept twice, as {first} and {second}")
    if client.get(f"/v1/reports/{first}").expect(_OK).json() != json.loads(record):
        raise CheckFailed(f"GET /v1/reports/{first} answered another report than was posted")
    return f"report {first[:12]}"


def comparison_travels(stack: Stack) -> str:
    """A comparison goes from the API through Redis to the worker, and its result back, right to the byte."""
    client, began = Client(stack), time.monotonic()
    pair = {
        "before": client.post("/v1/reports", reports.before()).expect(_OK, _CREATED).field("id"),
        "after": client.post("/v1/reports", reports.after()).expect(_OK, _CREATED).field("id"),
    }
    path = "/v1/comparisons"
    accepted = client.post(path, json.dumps(pair)).expect(_ACCEPTED).field("id")
    answer = _poll(
        stack,
        lambda: client.get(f"{path}/{accepted}").expect(_OK),
        lambda answer: answer.field("status") != "pending",
    )
    _expect_result(answer, stack.settings.smoke.timeout_seconds)
    return f"{reports.DELTA_BYTES:+,} bytes, in {time.monotonic() - began:.1f} s"


def _expect_result(answer: Answer, limit: float) -> None:
    """Hold the finished comparison to the difference that is known."""
    status = answer.field("status")
    if status == "pending":
        raise CheckFailed(f"no worker has done the comparison after {limit:g} s")
    if status != "done":
        raise CheckFailed(f"the comparison ended as {status!r}: {answer.json().get('why')}")
    deltas = {each.get("variant"): each.get("delta_bytes") for each in answer.field("difference") or ()}
    if deltas != {reports.VARIANT: reports.DELTA_BYTES}:
        raise CheckFailed(f"the comparison found {deltas}, and the reports differ by {reports.DELTA_BYTES} bytes")


def _poll(stack: Stack, ask: Callable[[], Answer], enough: Callable[[Answer], bool]) -> Answer:
    """Return the first answer that is enough, or the last one when the time is up."""
    deadline = time.monotonic() + stack.settings.smoke.timeout_seconds
    while True:
        answer = ask()
        if enough(answer) or time.monotonic() > deadline:
            return answer
        stack.interruption.pause()
