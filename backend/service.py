"""The operations of the service, independent of HTTP and of the queue."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress

from backend import contract, differences, jobs, large_values, trails
from backend.canonical import canonical, identify, parse
from backend.errors import Busy, Invalid, NotFound, Unavailable, root_cause
from backend.jobs import MAX_ATTEMPTS, Lease
from backend.large_values import LargeValue
from backend.large_work import Turns
from backend.schemas import VariantRefusal
from backend.store import Store, StoredComparison, StoredReport
from weighbridge.errors import UnreadableRecord
from weighbridge.report.comparison import Comparison, Refusal, compare_reports
from weighbridge.report.difference import VariantDifference
from weighbridge.report.records import parse_json

_log = logging.getLogger(__name__)
_ID = re.compile("[0-9a-f]{64}")
CURSOR = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z~[0-9a-f]{64}$"
"""The form of a position in the list."""
MAX_REHEARSAL_SECONDS = 20
LEASE_SECONDS = 60.0
"""How long a job is ours if its caller sets no other time: longer than a job may take."""


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
    record = find_record(store, report_id)
    return record.read(0, record.size)


def find_record(store: Store, report_id: str) -> LargeValue:
    """Return a posted record as canonical JSON that is not read yet."""
    record = large_values.find_record(store, report_id) if _ID.fullmatch(report_id) else None
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


def delete_report(store: Store, report_id: str) -> None:
    """Delete a report with its comparisons. A job that is comparing it finds nothing to store its result in."""
    if not (_ID.fullmatch(report_id) and store.delete_report(report_id)):
        raise NotFound(f"There is no report {report_id[:80]!a}")


def request_comparison(store: Store, send: Callable[[str], None], before: str, after: str) -> StoredComparison:
    """Open a comparison and queue its job. Repeating the request is harmless, and queues a lost job again.

    Args:
        store: Where reports and comparisons are.
        send: Puts a comparison's ID on the queue; raises Unavailable if it cannot.
        before: The ID of the earlier report.
        after: The ID of the later report.

    Raises:
        Unavailable: Its job could not be sent, and nobody had asked for the comparison before. What was accepted once
            stays accepted: the sweeper will send it.
    """
    for name, report_id in (("before", before), ("after", after)):
        if not store.has_report(report_id):
            raise NotFound(f"{name}: there is no report {report_id}")
    comparison_id = identify(f"{before}\n{after}".encode())
    comparison = store.open_comparison(comparison_id, before, after, trails.find_current())
    if comparison.status == "done":
        return comparison
    try:
        send(comparison.id)
    except Unavailable as error:
        if comparison.opened_at is None:
            return comparison
        store.refuse_comparison(comparison, str(error))
        raise
    return comparison


def get_comparison(store: Store, comparison_id: str) -> StoredComparison:
    """Return a comparison with its status."""
    comparison = store.comparison(comparison_id) if _ID.fullmatch(comparison_id) else None
    if comparison is None:
        raise NotFound(f"There is no comparison {comparison_id[:80]!a}")
    return comparison


def find_comparison(store: Store, comparison_id: str) -> tuple[StoredComparison, LargeValue | None]:
    """Return a comparison with its status but without its difference, and that, if there is one: it is not read yet."""
    is_id = _ID.fullmatch(comparison_id)
    comparison = store.comparison(comparison_id, whole=False) if is_id else None
    if comparison is None:
        raise NotFound(f"There is no comparison {comparison_id[:80]!a}")
    return comparison, large_values.find_difference(store, comparison_id) if comparison.status == "done" else None


def run_comparison(
    store: Store, comparison_id: str, lease_seconds: float = LEASE_SECONDS, *, turns: Turns | None = None
) -> None:
    """Compare two reports and store the result, if the row says that this is to be done now and by nobody else.

    Args:
        store: Where reports and comparisons are.
        comparison_id: Whose row to look at.
        lease_seconds: How long the job is ours.
        turns: Lets large work wait for other large work.

    Raises:
        Busy: Other large work took too long. This was no attempt.
        Unavailable: The database has failed. The job was postponed, or its lease runs out: the sweeper sends it again.
    """
    is_id = _ID.fullmatch(str(comparison_id))  # whoever reaches Redis may send anything
    lease = jobs.claim(store, comparison_id, lease_seconds) if is_id else None
    if lease is None:
        _log.info("comparison skipped", extra={"comparison": comparison_id})
        return
    try:
        with turns.take(store.count_bytes(comparison_id)) if turns else nullcontext():
            kept = _compare(store, lease)
    except Busy:
        with suppress(Unavailable):
            jobs.give_back(store, lease)
        raise
    except Unavailable as error:
        _log.warning("comparison postponed: %s", root_cause(error), extra={"comparison": comparison_id})
        with suppress(Unavailable):
            jobs.postpone(store, lease)
        raise
    _log.info("comparison done" if kept else "comparison lost its row", extra={"comparison": comparison_id})


def _compare(store: Store, lease: Lease) -> bool:
    """Do a job, and tell whether its row was still ours to write to."""
    if lease.attempts > MAX_ATTEMPTS:
        return jobs.fail(store, lease, f"It was started {MAX_ATTEMPTS} times and never finished.")
    try:
        before, after = (parse_json(get_record(store, key), key) for key in (lease.before, lease.after))
    except NotFound:  # deleted meanwhile, and the comparison with it
        return False
    except UnreadableRecord as error:  # its advice is for files
        return jobs.fail(store, lease, error.message)
    found = [_describe(each) for each in compare_reports(before, after)]
    return jobs.finish(store, lease, differences.write(found))


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
    return f"{recorded_at}~{report_id}"


def decode_cursor(cursor: str) -> tuple[str, str]:
    """Return the position that `encode_cursor` encoded."""
    recorded_at, _, report_id = cursor.partition("~")
    if not re.fullmatch(CURSOR, cursor):
        raise Invalid("cursor: must be the `next` of an earlier answer")
    return recorded_at, report_id
