"""The work of the service, told in its own words: no HTTP, no queue."""

from __future__ import annotations

import base64
import json
import logging
import re
import time
from collections.abc import Callable
from datetime import datetime
from functools import cache

from pydantic import TypeAdapter

from backend.canonical import canonical, identify, parse
from backend.errors import Invalid, NotFound, Unavailable
from backend.store import MAX_ATTEMPTS, MAX_VARIANT_CHARACTERS, Store, StoredComparison, StoredReport
from weighbridge.errors import UnreadableRecord
from weighbridge.ledger import compare
from weighbridge.model import Report, VariantDifference
from weighbridge.records import from_json, from_object

_log = logging.getLogger(__name__)
_ID = re.compile("[0-9a-f]{64}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_LARGEST = 2**63 - 1
MAX_REHEARSAL_SECONDS = 30


def add_report(store: Store, body: bytes) -> tuple[str, bool]:
    """Keep a record whole, fields that this version does not know included.

    Returns:
        Its id, and whether it is new.

    Raises:
        Invalid: It breaks the contract.
    """
    value = parse(body)
    text = canonical(value)
    try:
        report = from_object(value, "The body")
    except UnreadableRecord as error:
        raise Invalid(error.message[:500]) from None
    except RecursionError:
        raise Invalid("The body is nested too deeply") from None
    _check(report)
    stored = StoredReport(
        id=identify(text),
        recorded_at=report.recorded_at,
        commit=report.commit,
        dirty=report.dirty,
        variants=tuple((image.variant, image.shipped_bytes) for image in report.images),
    )
    return stored.id, store.add_report(stored, text)


def get_record(store: Store, report_id: str) -> str:
    """Return a record as it was posted, as canonical JSON."""
    record = store.record(report_id) if _ID.fullmatch(report_id) else None
    if record is None:
        raise NotFound(f"There is no report {report_id[:80]!a}")
    return record


def list_reports(
    store: Store, *, variant: str | None, limit: int, cursor: str | None
) -> tuple[list[StoredReport], str | None]:
    """Return one page of reports, newest first, and the cursor of the next; None on the last page."""
    before = None if cursor is None else decode_cursor(cursor)
    found = store.reports(variant=variant, before=before, limit=limit + 1)
    page = found[:limit]
    return page, encode_cursor(page[-1].recorded_at, page[-1].id) if len(found) > limit else None


def request_comparison(store: Store, send: Callable[[str], None], before: str, after: str) -> StoredComparison:
    """Open a comparison and have it made. Asking again is harmless, and mends one whose job was lost.

    Args:
        store: Where reports and comparisons are.
        send: Puts a comparison's id on the queue; raises Unavailable where that cannot be done.
        before: A report's id.
        after: A report's id.
    """
    for name, report_id in (("before", before), ("after", after)):
        if store.record(report_id) is None:
            raise NotFound(f"{name}: there is no report {report_id}")
    comparison = store.open_comparison(identify(f"{before}\n{after}"), before, after)
    if comparison.status == "done":
        return comparison
    try:
        send(comparison.id)
    except Unavailable as error:
        store.fail_comparison(comparison.id, str(error))
        raise
    return comparison


def get_comparison(store: Store, comparison_id: str) -> StoredComparison:
    """Return a comparison and how far it is."""
    comparison = store.comparison(comparison_id) if _ID.fullmatch(comparison_id) else None
    if comparison is None:
        raise NotFound(f"There is no comparison {comparison_id[:80]!a}")
    return comparison


def run_comparison(store: Store, comparison_id: str) -> None:
    """Make a comparison and store what it finds. Running twice gives the same row."""
    comparison = store.comparison(comparison_id)
    if comparison is None or comparison.status == "done":
        _log.info("comparison skipped", extra={"comparison": comparison_id})
        return
    if store.count_attempt(comparison_id) > MAX_ATTEMPTS:
        store.fail_comparison(comparison_id, f"It was begun {MAX_ATTEMPTS} times and its worker was lost each time.")
        return
    try:
        before, after = (from_json(get_record(store, key), key) for key in (comparison.before, comparison.after))
    except UnreadableRecord as error:  # its advice is for files
        store.fail_comparison(comparison_id, error.message)
        return
    store.finish_comparison(comparison_id, _differences().dump_json(compare(before, after)).decode())
    _log.info("comparison done", extra={"comparison": comparison_id})


def read_difference(comparison: StoredComparison) -> tuple[VariantDifference, ...] | None:
    """Return what a comparison found; None before it is done."""
    return None if comparison.difference is None else _differences().validate_json(comparison.difference)


def rehearse(seconds: float, job: str = "") -> float:
    """Stay busy for some seconds, 30 at most, and return them: what a job does that a stop must not cut short."""
    bounded = min(max(0, seconds), MAX_REHEARSAL_SECONDS)
    _log.info("rehearsal started", extra={"job": job, "seconds": bounded})
    time.sleep(bounded)
    _log.info("rehearsal finished", extra={"job": job, "seconds": bounded})
    return bounded


def encode_cursor(recorded_at: str, report_id: str) -> str:
    """Return a position in the list as text that callers need not understand."""
    return base64.urlsafe_b64encode(json.dumps([recorded_at, report_id]).encode()).decode()


def decode_cursor(cursor: str) -> tuple[str, str]:
    """Return the position that `encode_cursor` wrote down."""
    try:
        recorded_at, report_id = json.loads(base64.urlsafe_b64decode(cursor))
        if _TIME.fullmatch(recorded_at) and _ID.fullmatch(report_id):
            return recorded_at, report_id
    except (RecursionError, TypeError, ValueError):
        pass
    raise Invalid("cursor: must be the `next` of an earlier answer")


def _check(report: Report) -> None:
    """Hold the record to what lists and the database need of it."""
    try:
        datetime.fromisoformat(report.recorded_at if _TIME.fullmatch(report.recorded_at) else "")
    except ValueError:
        raise Invalid("recorded_at: must be a UTC time such as 2026-11-23T10:00:00Z") from None
    for index, image in enumerate(report.images):
        if len(image.variant) > MAX_VARIANT_CHARACTERS:
            raise Invalid(f"images.{index}.variant: must have at most {MAX_VARIANT_CHARACTERS} characters")
        if not 0 <= image.shipped_bytes <= _LARGEST:
            raise Invalid(f"images.{index}.shipped_bytes: must be between 0 and {_LARGEST}")


@cache
def _differences() -> TypeAdapter[tuple[VariantDifference, ...]]:
    """Build the converter once, on first use."""
    return TypeAdapter(tuple[VariantDifference, ...])
