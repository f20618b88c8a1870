"""The sweeper of each worker: it sends lost jobs again, and deletes what retention no longer keeps.

Of all workers' sweepers one at a time finds something to send; `jobs.take_lost` sees to that.
"""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import Any

from celery.bootsteps import StartStopStep  # type: ignore[import-untyped]  # Celery ships no types
from redis.exceptions import RedisError

from backend import jobs, retention
from backend.broker import Broker
from backend.errors import Unavailable, root_cause
from backend.settings import Settings, load_settings
from backend.store import Store

LONG_QUEUE = 100
"""With so many messages waiting, jobs are slow rather than lost, and sending them again would make the queue longer."""
LOST_SECONDS = 3.0
"""Where the queue is empty, a message that was sent so long ago is lost: nobody holds it."""
RETENTION_SECONDS = 300.0
DELETION_SECONDS = 8.0
"""How long one sweep may delete: a job ends it after a while, and lost jobs wait meanwhile. The next one goes on."""
_log = logging.getLogger(__name__)


def sweep(store: Store, broker: Broker) -> int:
    """Send every lost job again, and return how many.

    Raises:
        Unavailable: The database does not answer, or Redis does not: then nothing is counted as sent.
        RedisError: Redis does not answer.
    """
    waiting, taken = broker.measure()
    if waiting >= LONG_QUEUE:
        return 0
    is_empty = waiting == taken == 0
    lost = jobs.take_lost(store, sent_seconds=LOST_SECONDS if is_empty else jobs.SENT_SECONDS)
    for job in lost:
        broker.send_comparison(job.id, job.trail)
    if lost:
        _log.warning("%s lost jobs sent again", len(lost))
    return len(lost)


class Sweeps:
    """The sweeps of one process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store, self._broker = Store(settings.database_url), Broker(settings)
        self._fault = ""
        self._next_retention = 0.0

    def run(self) -> None:
        """Sweep once. What fails is tried again at the next turn, and logged when it begins to fail."""
        try:
            sweep(self._store, self._broker)
            if time.monotonic() >= self._next_retention:
                self._keep_limits()
            self._fault = ""
        except (Unavailable, RedisError, OSError) as error:
            if self._fault != (fault := root_cause(error)):
                _log.warning("the sweeper waits: %s", fault)
            self._fault = fault

    def close(self) -> None:
        """Close every connection."""
        self._store.close()
        self._broker.close()

    def _keep_limits(self) -> None:
        days, most_bytes = self._settings.retention_days, self._settings.retention_bytes
        deadline = time.monotonic() + DELETION_SECONDS
        deleted = retention.delete_expired(self._store, days=days, most_bytes=most_bytes, deadline=deadline)
        if time.monotonic() < deadline:
            self._next_retention = time.monotonic() + RETENTION_SECONDS
        if deleted:
            _log.info("%s reports deleted by retention", deleted)


@cache
def _sweeps() -> Sweeps:
    return Sweeps(load_settings())


def run() -> None:
    """Sweep once, in a process of the pool."""
    try:
        _sweeps().run()
    except Exception:  # noqa: BLE001 - nobody asks for the result, so a fault of ours is only seen here
        _log.exception("a sweep has failed")


class Sweeper(StartStopStep):  # type: ignore[misc]  # the base is untyped
    """Has a process of the pool sweep every few seconds, when one is free.

    The main loop must not wait for a database, and a thread beside it would be copied by the next fork with all locks
    that it holds just then.
    """

    requires = {  # noqa: RUF012 - Celery's interface
        "celery.worker.components:Pool",
        "celery.worker.components:Timer",
    }

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._entry: Any = None
        self._running: Any = None
        self._limits: dict[str, int] = {}

    def start(self, worker: Any) -> None:
        """Begin to sweep."""
        settings = load_settings()
        self._limits = {"soft_timeout": settings.job_seconds, "timeout": settings.job_kill_seconds}
        self._entry = worker.timer.call_repeatedly(settings.restore_seconds, self._sweep, (worker,))

    def stop(self, _worker: Any) -> None:
        """Let the current sweep be the last. What it leaves undone, the next sweeper finds."""
        if self._entry is not None:
            self._entry.cancel()

    def _sweep(self, worker: Any) -> None:
        if self._running is None or self._running.ready():
            self._running = worker.pool.apply_async(run, **self._limits)
