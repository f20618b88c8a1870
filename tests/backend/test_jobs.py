"""The jobs among the rows: claims, leases and what is sent again, on both databases."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from backend import jobs, large_work, service
from backend.errors import BrokerUnavailable, Busy, StoreUnavailable
from backend.large_values import LargeValue
from backend.large_work import Turns
from backend.store import Store, StoredReport
from backend.tables import comparisons
from backend.trails import Trail

THREADS = 8
JOB = "c" * 64


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Yield a store with one pending comparison, once of each kind."""
    url = f"sqlite:///{tmp_path}/reports.db"
    if request.param != "sqlite":
        url = request.getfixturevalue("new_postgres_database")()
    store = Store(url)
    report = StoredReport(id="a" * 64, recorded_at="2026-11-23T10:00:00Z", commit=None, dirty=True, variants=())
    store.add_report(report, b"{}")
    store.open_comparison(JOB, "a" * 64, "a" * 64)
    yield store
    store.close()


def _take_lost(store: Store, **options: Any) -> list[str]:
    return [job.id for job in jobs.take_lost(store, **options)]


def _age(store: Store, column: str, seconds: float) -> None:
    """Move a time of the job into the past."""
    with store.transaction(write=True) as connection:
        connection.execute(update(comparisons).values({column: comparisons.c[column] - seconds}))


def _at_once(work: Callable[[], Any]) -> list[Any]:
    barrier = threading.Barrier(THREADS)

    def run(_: int) -> Any:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(run, range(THREADS)))


def test_of_doubled_messages_one_gets_the_lease(store: Store) -> None:
    """Eight at the same instant: one attempt is made and counted."""
    leases = [lease for lease in _at_once(lambda: jobs.claim(store, JOB, 60)) if lease]

    assert [lease.attempts for lease in leases] == [1]
    assert jobs.claim(store, JOB, 60) is None


def test_a_lease_that_ran_out_goes_to_the_next_and_fences_the_first(store: Store) -> None:
    """A worker that was given up and comes back writes nothing, and the second one's result counts."""
    first = jobs.claim(store, JOB, 60)
    _age(store, "lease_until", 61)
    second = jobs.claim(store, JOB, 60)
    assert first
    assert second
    late = [jobs.finish(store, first, b"late"), jobs.fail(store, first, "late"), jobs.postpone(store, first)]
    kept = jobs.finish(store, second, b"[]")
    found = store.comparison(JOB)

    assert (late, kept, second.attempts) == ([False] * 3, True, 2)
    assert found
    assert (found.status, found.difference) == ("done", b"[]")


def test_a_job_is_lost_once_its_lease_runs_out(store: Store) -> None:
    """While its worker may be at it, it is not; then one sweep gets it, and the next sweep does not."""
    jobs.claim(store, JOB, 60)
    held = _take_lost(store, sent_seconds=0)
    _age(store, "lease_until", 61)

    assert (held, _take_lost(store), _take_lost(store)) == ([], [JOB], [])


def test_a_message_is_lost_once_nobody_took_it_for_long(store: Store) -> None:
    """As after Redis was emptied."""
    early = _take_lost(store)
    _age(store, "sent_at", 61)

    assert (early, _take_lost(store), _take_lost(store)) == ([], [JOB], [])


@pytest.mark.parametrize("column", ["lease_until", "sent_at", "not_before"])
def test_a_clock_that_was_set_back_holds_nothing_up(store: Store, column: str) -> None:
    """A time further ahead than any that we store does not keep a job waiting, whichever it is."""
    if column == "lease_until":
        assert jobs.claim(store, JOB, 40)
    _age(store, column, -300 if column == "lease_until" else 0)
    assert _take_lost(store) == []
    if column == "not_before":  # it is 0 at first; the message has to be old as well
        _age(store, "sent_at", 120)
    _age(store, column, -4e9)
    assert _take_lost(store) == [JOB]
    assert jobs.claim(store, JOB, 40)
    assert jobs.claim(store, JOB, 40) is None


def test_a_lost_job_still_knows_whose_request_it_is(store: Store) -> None:
    """That of the request that made it pending; a later request for the same leaves it, unless the job had failed."""
    longest = Trail("x" * 64, f"00-{'a' * 32}-{'b' * 16}-01")
    ours = store.open_comparison("d" * 64, "a" * 64, "a" * 64, longest)
    store.open_comparison(ours.id, "a" * 64, "a" * 64, Trail("later"))
    _age(store, "sent_at", 61)
    first = {job.id: job.trail for job in jobs.take_lost(store)}
    jobs.fail_unheld(store, ours.id, "why")
    store.open_comparison(ours.id, "a" * 64, "a" * 64, Trail("again"))
    _age(store, "sent_at", 61)
    second = {job.id: job.trail for job in jobs.take_lost(store)}

    assert first == {JOB: Trail(), ours.id: longest}
    assert second[ours.id] == Trail("again")


def test_of_many_sweepers_one_gets_a_job(store: Store) -> None:
    """The leader alone, also if all workers sweep at the same instant."""
    _age(store, "sent_at", 61)

    assert sorted(_at_once(lambda: _take_lost(store))) == [[]] * (THREADS - 1) + [[JOB]]


def test_a_postponed_job_waits_and_is_then_sent(store: Store) -> None:
    """Nobody gets it before its time; then the sweeper finds it, for its message is used up."""
    lease = jobs.claim(store, JOB, 60)
    assert lease
    jobs.postpone(store, lease)
    early = jobs.claim(store, JOB, 60), _take_lost(store)
    _age(store, "not_before", 2.1)

    assert early == (None, [])
    assert _take_lost(store) == [JOB]
    assert (again := jobs.claim(store, JOB, 60))
    assert again.attempts == 2


def test_a_postponement_grows_and_has_an_end() -> None:
    """A job is tried again for long, but not with ever longer waits."""
    assert 2.0**jobs.MAX_ATTEMPTS > jobs.LONGEST_POSTPONEMENT_SECONDS >= 300


@pytest.mark.parametrize("state", ["done", "failed"])
def test_what_has_ended_is_not_sent(store: Store, state: str) -> None:
    """Neither a late message nor a sweep does it again."""
    lease = jobs.claim(store, JOB, 60)
    assert lease
    if state == "done":
        jobs.finish(store, lease, b"[]")
    else:
        jobs.fail(store, lease, "why")

    assert (jobs.claim(store, JOB, 60), _take_lost(store, sent_seconds=0)) == (None, [])


def test_a_failed_one_can_be_asked_for_again(store: Store) -> None:
    """Its attempts begin anew."""
    jobs.fail_unheld(store, JOB, "why")
    store.open_comparison(JOB, "a" * 64, "a" * 64)

    assert (lease := jobs.claim(store, JOB, 60))
    assert lease.attempts == 1


def test_a_sweep_takes_a_bounded_number(store: Store) -> None:
    """The rest is taken by the next one."""
    ids = [f"{number:064x}" for number in range(5)]
    for each in ids:
        store.open_comparison(each, "a" * 64, "a" * 64)
    _age(store, "sent_at", 61)
    first, second = _take_lost(store, limit=4), _take_lost(store, limit=4)

    assert (len(first), sorted(first + second)) == (4, sorted([*ids, JOB]))


def test_what_was_accepted_once_stays_accepted_without_a_broker(store: Store) -> None:
    """The second request meets a queue that does not answer: it does not take back what the first one was promised."""
    service_id = service.request_comparison(store, lambda _: None, "a" * 64, "a" * 64).id

    def refuse(_: str) -> None:
        raise BrokerUnavailable

    again = service.request_comparison(store, refuse, "a" * 64, "a" * 64)

    assert (again.id, again.status) == (service_id, "pending")


def test_a_database_that_fails_in_a_job_postpones_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job ends, its lease is given back, and it is done when its time has come."""

    def lock(*_: object) -> bytes:
        raise StoreUnavailable

    with monkeypatch.context() as patch:  # a lock that is held for just that moment cannot be timed
        patch.setattr(LargeValue, "read", lock)
        with pytest.raises(StoreUnavailable):
            service.run_comparison(store, JOB)
    _age(store, "not_before", 2.1)
    sent = _take_lost(store)
    found = store.comparison(JOB)

    assert found
    assert (sent, found.status) == ([JOB], "pending")


def test_a_report_that_goes_away_ends_its_jobs(store: Store, record: Any) -> None:
    """Deleted while a worker compares it: nothing is stored, nothing fails, and no row is left."""
    lease = jobs.claim(store, JOB, 60)
    assert lease
    store.delete_report("a" * 64)

    assert not jobs.finish(store, lease, b"[]")
    assert store.comparison(JOB) is None
    assert _take_lost(store, sent_seconds=0) == []
    assert service.add_report(store, json.dumps(record()).encode())[1]


def test_large_work_that_finds_others_at_it_is_no_attempt(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives its lease back, so that the next message can begin at once."""
    monkeypatch.setattr(large_work, "WAIT_SECONDS", 0.1)
    monkeypatch.setattr(large_work, "LARGE_BYTES", 1)
    turns = Turns(tmp_path / "turn")
    with turns.take(2), pytest.raises(Busy):
        service.run_comparison(store, JOB, turns=turns)
    lease = jobs.claim(store, JOB, 60)

    assert lease is not None
    assert lease.attempts == 1
