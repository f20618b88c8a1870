"""The operations of the service, independent of HTTP and of the queue."""

from __future__ import annotations

import base64
import json
import logging
import re
import time
from collections.abc import Callable

from pydantic_core import to_json

from backend import contract
from backend.canonical import canonical, identify, parse
from backend.errors import Invalid, NotFound, Unavailable
from backend.schemas import VariantRefusal
from backend.store import MAX_ATTEMPTS, Store, StoredComparison, StoredReport
from weighbridge.errors import UnreadableRecord
from weighbridge.report.comparison import Comparison, Refusal, compare_reports
from weighbridge.report.difference import VariantDifference
from weighbridge.report.records import parse_json

_log = logging.getLogger(__name__)
_ID = re.compile("[0-9a-f]{64}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
MAX_REHEARSAL_SECONDS = 20


def add_report(store: Store, body: bytes | bytearray) -> tuple[str, bool]:
    """Store a whole record, including fields that this version does not know.

    Returns:
        The report's ID, and whether the report is new.

    Raises:
        Invalid: It breaks the contract.
    """
    value = parse(body)
    text = canonical(value)
    report = contract.check(value)
    stored = StoredReport(
        id=identify(text),
        recorded_at=report.recorded_at,
        commit=report.commit,
        dirty=report.dirty,
        variants=tuple((image.variant, image.shipped_bytes) for image in report.images),
    )
    return stored.id, store.add_report(stored, text)


def get_record(store: Store, report_id: str) -> bytes:
    """Return a posted record as canonical JSON."""
    record = store.record(report_id) if _ID.fullmatch(report_id) else None
    if record is None:
        raise NotFound(f"There is no report {report_id[:80]!a}")
    return record


def list_reports(
    store: Store, *, variant: str | None, limit: int, cursor: str | None
) -> tuple[list[StoredReport], str | None]:
    """Return one page of reports, newest first, and the cursor of the next page; on the last page, None."""
    before = None if cursor is None else decode_cursor(cursor)
    found = store.reports(variant=variant, before=before, limit=limit + 1)
    page = found[:limit]
    return page, encode_cursor(page[-1].recorded_at, page[-1].id) if len(found) > limit else None


def request_comparison(store: Store, send: Callable[[str], None], before: str, after: str) -> StoredComparison:
    """Open a comparison and queue its job. Repeating the request is harmless, and queues a lost job again.

    Args:
        store: Where reports and comparisons are.
        send: Puts a comparison's ID on the queue; raises Unavailable if it cannot.
        before: The ID of the earlier report.
        after: The ID of the later report.
    """
    for name, report_id in (("before", before), ("after", after)):
        if not store.has_report(report_id):
            raise NotFound(f"{name}: there is no report {report_id}")
    comparison = store.open_comparison(identify(f"{before}\n{after}".encode()), before, after)
    if comparison.status == "done":
        return comparison
    try:
        send(comparison.id)
    except Unavailable as error:
        store.fail_comparison(comparison.id, str(error))
        raise
    return comparison


def get_comparison(store: Store, comparison_id: str) -> StoredComparison:
    """Return a comparison with its status."""
    comparison = store.comparison(comparison_id) if _ID.fullmatch(comparison_id) else None
    if comparison is None:
        raise NotFound(f"There is no comparison {comparison_id[:80]!a}")
    return comparison


def run_comparison(store: Store, comparison_id: str) -> None:
    """Compare two reports and store the result. Running twice stores the same result."""
    comparison = store.comparison(comparison_id)
    if comparison is None or comparison.status == "done":
        _log.info("comparison skipped", extra={"comparison": comparison_id})
        return
    if store.count_attempt(comparison_id) > MAX_ATTEMPTS:
        store.fail_comparison(comparison_id, f"It was started {MAX_ATTEMPTS} times and never finished.")
        return
    try:
        before, after = (parse_json(get_record(store, key), key) for key in (comparison.before, comparison.after))
    except UnreadableRecord as error:  # its advice is for files
        store.fail_comparison(comparison_id, error.message)
        return
    store.finish_comparison(comparison_id, to_json([_describe(each) for each in compare_reports(before, after)]))
    _log.info("comparison done", extra={"comparison": comparison_id})


def _describe(found: Comparison | Refusal) -> VariantDifference | VariantRefusal:
    if isinstance(found, Refusal):
        return VariantRefusal(variant=found.variant, refusal=str(found))
    return found.difference


def rehearse(seconds: float, job: str = "") -> float:
    """Sleep for the given seconds, at most 20, and return them: a sample job for tests of a graceful stop."""
    bounded = min(max(0, seconds), MAX_REHEARSAL_SECONDS)
    _log.info("rehearsal started", extra={"job": job, "seconds": bounded})
    time.sleep(bounded)
    _log.info("rehearsal finished", extra={"job": job, "seconds": bounded})
    return bounded


def encode_cursor(recorded_at: str, report_id: str) -> str:
    """Return a position in the list as opaque text."""
    return base64.urlsafe_b64encode(json.dumps([recorded_at, report_id]).encode()).decode()


def decode_cursor(cursor: str) -> tuple[str, str]:
    """Return the position that `encode_cursor` encoded."""
    try:
        recorded_at, report_id = json.loads(base64.urlsafe_b64decode(cursor))
        if _TIME.fullmatch(recorded_at) and _ID.fullmatch(report_id):
            return recorded_at, report_id
    except (RecursionError, TypeError, ValueError):
        pass
    raise Invalid("cursor: must be the `next` of an earlier answer")
