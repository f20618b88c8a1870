"""The script that starts Celery's beat with its next entry due at once: the first question is answered, no other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import Any, NamedTuple

import pytest

from weighbridge.smoke.rules.beat import _SENT
from weighbridge.smoke.scripts import due
from weighbridge.smoke.stack import inside


class Entry(NamedTuple):
    """An entry of a schedule."""

    task: str


class Event(NamedTuple):
    """When an entry is next, as Celery keeps it in a heap."""

    time: float
    priority: int
    entry: Entry


class Scheduler:
    """A scheduler of which nothing is due."""

    def __init__(self, *events: Event) -> None:
        self.events = events
        self._heap: list[Event] = []

    def populate_heap(self) -> None:
        """Note when each entry is next, the first at the top."""
        self._heap = sorted(self.events)

    def is_due(self, entry: Entry) -> tuple[bool, float]:
        """Say when an entry is due: at another time for each."""
        return False, float(len(entry.task))


@pytest.fixture
def changed() -> Any:
    """Return a class of schedulers for which the next entry is due."""

    class Changed(Scheduler):
        populate_heap, is_due = Scheduler.populate_heap, Scheduler.is_due

    due.make_due(Changed, lambda is_due, after: (is_due, after))
    return Changed


def test_entry_that_is_next_is_due_once(changed: Any) -> None:
    """Beat asks first about the entry at the top, whose time has come; from then on the schedule holds."""
    scheduler = changed(Event(900.0, 5, Entry("jobs.later")), Event(800.0, 5, Entry("jobs.next")))
    scheduler.populate_heap()
    assert scheduler._heap == [Event(0, 5, Entry("jobs.next")), Event(900.0, 5, Entry("jobs.later"))]
    assert scheduler.is_due(Entry("jobs.next")) == (True, 60.0)
    assert scheduler.is_due(Entry("jobs.next")) == (False, 9.0)
    assert scheduler.is_due(Entry("jobs.later")) == (False, 10.0)
    scheduler.populate_heap()
    assert [event.time for event in scheduler._heap] == [800.0, 900.0]


def test_jobs_of_celery_come_last(changed: Any) -> None:
    """A job of the application goes before one of Celery's own, which says less; alone, that one is due."""
    own, cleanup = Event(900.0, 5, Entry("jobs.later")), Event(100.0, 5, Entry("celery.backend_cleanup"))
    scheduler, alone = changed(cleanup, own), changed(cleanup)
    scheduler.populate_heap()
    alone.populate_heap()
    assert scheduler._heap[0] == own._replace(time=0)
    assert alone._heap == [cleanup._replace(time=0)]


def test_empty_schedule(changed: Any) -> None:
    """Of nothing, nothing is due."""
    scheduler = changed()
    scheduler.populate_heap()
    assert scheduler._heap == []


APPLICATION = """
from celery import Celery
from celery.schedules import crontab

app = Celery("jobs", broker="memory://")
app.conf.beat_schedule = {
    "in a year": {"task": "jobs.year", "schedule": crontab(minute=0, hour=0, day_of_month=29, month_of_year=2)},
    "in two days": {"task": "jobs.days", "schedule": 172800.0},
}
"""
"""Celery adds a job of its own, which is next: once a day."""


@pytest.mark.slow
def test_beat_of_celery(tmp_path: Path) -> None:
    """The real beat sends the application's next entry at once, though it is not due for days."""
    (tmp_path / "jobs.py").write_text(APPLICATION, encoding="utf-8")
    options = ("-A", "jobs", "beat", "--loglevel", "INFO", "--schedule", str(tmp_path / "schedule"), "--pidfile=")
    words = [sys.executable, "-c", inside.read_script("due.py"), *options]
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as beat:
        limit = Timer(60, beat.kill)
        limit.start()
        assert beat.stderr
        try:
            found = next((sent for line in beat.stderr if (sent := _SENT.search(line))), None)
        finally:
            limit.cancel()
            beat.kill()
    assert found is not None
    assert (found["entry"], found["job"]) == ("in two days", "jobs.days")
