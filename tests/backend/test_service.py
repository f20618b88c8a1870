"""The service's operations, without HTTP and without a queue."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend import jobs, service
from backend.canonical import identify
from backend.errors import BrokerUnavailable, Invalid, NotFound
from backend.jobs import MAX_ATTEMPTS
from backend.store import Store, StoredReport

UNKNOWN = "0" * 64


def _add(store: Store, record: dict[str, Any]) -> str:
    return service.add_report(store, json.dumps(record).encode())[0]


def _pair(store: Store, record: Any) -> tuple[str, str]:
    bigger = {"shipped_bytes": 140, "layers": [record()["images"][0]["layers"][0] | {"shipped_bytes": 140}]}
    return _add(store, record()), _add(store, record(commit="beef", image=bigger))


def test_the_record_is_kept_as_posted(store: Store, record: Any) -> None:
    """Fields of a later version are kept; the same content twice is one report."""
    posted = record(later=[{"bytes": 2**70}], image={"later": {"basis": "exact"}})
    first = service.add_report(store, json.dumps(posted).encode())
    second = service.add_report(store, json.dumps(posted, indent=4, sort_keys=True).encode())

    assert (first[0], True) == first
    assert (first[0], False) == second
    assert posted == json.loads(service.get_record(store, first[0]))


def test_the_cost_of_changes_is_kept(store: Store, record: Any) -> None:
    """The fields that `invoke report --rebuild` adds are accepted and kept."""
    pull = {"bytes": 23_000, "basis": "estimated"}
    counts = {"seconds": 1, "steps_run": 3, "steps_cached": 9}
    nothing: dict[str, Any] = {**counts, "change": None, "layers": [], "pull": None}
    code = {**counts, "change": "code", "layers": record()["images"][0]["layers"], "pull": pull}
    posted = record(image={"rebuilds": [nothing, code]})

    assert posted == json.loads(service.get_record(store, _add(store, posted)))


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"recorded_at": "yesterday"}, "recorded_at"),
        ({"recorded_at": "2026-02-30T10:00:00Z"}, "recorded_at"),
        ({"dirty": []}, "^dirty: "),
        ({"dirty": "yes"}, "^dirty: "),
        ({"dirty": 1}, "^dirty: "),
        ({"commit": 5}, "^commit: "),
        ({"format": 9}, "^format: .* not 9"),
        ({"format": "1"}, "^format: "),
        ({"images": {}}, "^images: "),
        ({"images": [5]}, r"^images\.0: "),
        ({"images": [{}] * 101}, "^images: must have at most 100"),
        ({"image": {"layers": [{}] * 1001}}, r"^images\.0\.layers: must have at most 1000"),
        ({"image": {"layers": 5}}, r"^images\.0\.layers: "),
        ({"image": {"ledger": [{}] * 20_001}}, r"^images\.0\.ledger: must have at most 20000"),
        ({"image": {"rebuilds": [{}] * 33}}, r"^images\.0\.rebuilds: must have at most 32"),
        (
            {"image": {"rebuilds": [{"layers": [{}] * 1001}]}},
            r"^images\.0\.rebuilds\.0\.layers: must have at most 1000",
        ),
        ({"image": {"rebuilds": [{"seconds": "1"}]}}, r"^images\.0\.rebuilds\.0\."),
        ({"image": {"waste": [{}]}}, r"^images\.0\.waste\.0"),
        ({"image": {"pull": {"bytes": "1", "basis": "exact"}}}, r"^images\.0\.pull\.bytes"),
        ({"image": {"shipped_bytes": "100"}}, r"^images\.0\.shipped_bytes: "),
        ({"image": {"shipped_bytes": -1}}, r"images\.0\.shipped_bytes"),
        ({"image": {"shipped_bytes": 2**63}}, r"images\.0\.shipped_bytes"),
        ({"image": {"variant": "x" * 201}}, r"images\.0\.variant"),
        ({"image": {"layers": [{}]}}, r"images\.0\.layers\.0"),
    ],
)
def test_a_broken_record_is_refused_by_field(store: Store, record: Any, fields: dict[str, Any], place: str) -> None:
    """The message names the field, and nothing is stored."""
    with pytest.raises(Invalid, match=place):
        _add(store, record(**fields))

    assert service.list_reports(store, variant=None, limit=20, cursor=None) == ([], None)


def test_pages_are_stable_under_inserts(store: Store, record: Any) -> None:
    """Paging shows every old report once, newest first, even if reports arrive meanwhile."""
    old = [
        _add(store, record(recorded_at=f"2026-11-23T10:00:{second // 2:02}Z", commit=str(second)))
        for second in range(9)
    ]
    seen: list[StoredReport] = []
    cursor = None
    while True:
        page, cursor = service.list_reports(store, variant=None, limit=2, cursor=cursor)
        seen += page
        _add(store, record(recorded_at="2026-11-24T00:00:00Z", commit=f"new {len(seen)}"))
        if cursor is None:
            break

    assert sorted(old) == sorted(report.id for report in seen)
    assert sorted(seen, key=lambda report: (report.recorded_at, report.id), reverse=True) == seen


def test_a_list_can_be_of_one_variant(store: Store, record: Any) -> None:
    """Only reports with the variant are listed, each with all its variants in order."""
    _add(store, record())
    both = record(images=[*record(image={"variant": "single"})["images"], *record()["images"]])
    wanted = _add(store, both)
    page, following = service.list_reports(store, variant="single", limit=20, cursor=None)

    assert ([wanted], None) == ([report.id for report in page], following)
    assert page[0].variants == (("single", 100), ("multi", 100))


@given(second=st.integers(0, 59), digits=st.text("0123456789abcdef", min_size=64, max_size=64))
def test_a_cursor_means_the_position_that_it_was_made_from(second: int, digits: str) -> None:
    """Encoding and then decoding a cursor gives the same position."""
    position = (f"2026-11-23T10:00:{second:02}Z", digits)

    assert position == service.decode_cursor(service.encode_cursor(*position))


@given(st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_any_other_cursor_is_invalid(cursor: str) -> None:
    """Any cursor that we did not make is refused with a message."""
    with pytest.raises(Invalid, match="cursor"):
        service.decode_cursor(cursor)


def test_a_comparison_runs_twice_to_the_same_row(store: Store, record: Any) -> None:
    """A job may be delivered twice; the second run changes nothing."""
    before, after = _pair(store, record)
    sent: list[str] = []
    opened = service.request_comparison(store, sent.append, before, after)
    service.run_comparison(store, opened.id)
    once = service.get_comparison(store, opened.id)
    service.run_comparison(store, opened.id)

    assert ([opened.id], "pending") == (sent, opened.status)
    assert once == service.get_comparison(store, opened.id)
    assert [variant["delta_bytes"] for variant in json.loads(once.difference or b"")] == [40]


def test_the_same_pair_is_the_same_comparison(store: Store, record: Any) -> None:
    """Asking again sends a pending comparison again, in case its job was lost, but not a finished one."""
    before, after = _pair(store, record)
    sent: list[str] = []
    first = service.request_comparison(store, sent.append, before, after)
    again = service.request_comparison(store, sent.append, before, after)
    service.run_comparison(store, first.id)
    done = service.request_comparison(store, sent.append, before, after)

    assert ([first.id] * 2, "done") == (sent, done.status)
    assert first == again
    assert first.id != service.request_comparison(store, sent.append, after, before).id


def test_an_unknown_report_is_named(store: Store, record: Any) -> None:
    """The message says which of the two is missing."""
    known = _add(store, record())

    with pytest.raises(NotFound, match=f"^after: .*{UNKNOWN}"):
        service.request_comparison(store, lambda _: None, known, UNKNOWN)


def test_a_comparison_that_could_not_be_sent_is_failed_and_can_be_asked_for_again(store: Store, record: Any) -> None:
    """A comparison that cannot be queued fails at once, and does not stay pending."""
    before, after = _pair(store, record)

    def refuse(_: str) -> None:
        raise BrokerUnavailable

    with pytest.raises(BrokerUnavailable):
        service.request_comparison(store, refuse, before, after)
    failed = service.get_comparison(store, identify(f"{before}\n{after}".encode()))
    again = service.request_comparison(store, lambda _: None, before, after)

    assert ("failed", str(BrokerUnavailable())) == (failed.status, failed.why)
    assert (again.status, again.why) == ("pending", None)


def test_a_job_that_keeps_killing_its_worker_ends(store: Store, record: Any) -> None:
    """Attempts are counted before they start, and their number is limited."""
    opened = service.request_comparison(store, lambda _: None, *_pair(store, record))
    for _ in range(MAX_ATTEMPTS):
        assert jobs.claim(store, opened.id, seconds=-1)  # a lease that has run out, as if its worker had been killed
    service.run_comparison(store, opened.id)
    found = service.get_comparison(store, opened.id)

    assert found.status == "failed"
    assert found.why == f"It was started {MAX_ATTEMPTS} times and never finished."


def test_a_record_that_this_version_cannot_read_fails_its_comparison(store: Store, record: Any) -> None:
    """If this version cannot read a stored record, the comparison fails with the reason."""
    known = _add(store, record())
    store.add_report(
        StoredReport(id=UNKNOWN, recorded_at="2026-11-23T10:00:00Z", commit=None, dirty=False, variants=()),
        b'{"format":2}',
    )
    opened = service.request_comparison(store, lambda _: None, known, UNKNOWN)
    service.run_comparison(store, opened.id)
    found = service.get_comparison(store, opened.id)

    assert found.status == "failed"
    assert "its format is 2" in (found.why or "")


@pytest.mark.parametrize("seconds", [-5, 0, 0.01, float("nan")])
def test_a_rehearsal_is_bounded(seconds: float) -> None:
    """The time of a rehearsal is limited to 0 to 20 seconds."""
    assert 0 <= service.rehearse(seconds) <= 0.01
