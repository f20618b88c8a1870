"""The sweeper: a thread of each worker that sends lost jobs again, and deletes what retention no longer keeps.

One of them at a time does something; `jobs.take_lost` sees to that. It keeps no connection to the database between two
sweeps, because the worker forks.
"""

from __future__ import annotations

import logging
import threading
import time
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
    for comparison_id in lost:
        broker.send_comparison(comparison_id)
    if lost:
        _log.warning("%s lost jobs sent again", len(lost))
    return len(lost)


def run(settings: Settings, stop: threading.Event) -> None:
    """Sweep until told to stop. What fails is tried again at the next turn, and logged when it begins to fail."""
    store, broker = Store(settings.database_url), Broker(settings)
    told, next_retention = "", 0.0
    while not stop.wait(settings.restore_seconds):
        try:
            sweep(store, broker)
            if time.monotonic() >= next_retention:
                _keep_limits(settings, store)
                next_retention = time.monotonic() + RETENTION_SECONDS
            told = ""
        except (Unavailable, RedisError, OSError) as error:
            if told != (told := root_cause(error)):
                _log.warning("the sweeper waits: %s", told)
        except Exception:  # noqa: BLE001 - a fault of ours in one sweep must not end all later ones
            _log.exception("a sweep has failed")
        finally:
            store.close()
    broker.close()


def _keep_limits(settings: Settings, store: Store) -> None:
    deleted = retention.delete_expired(store, days=settings.retention_days, most_bytes=settings.retention_bytes)
    if deleted:
        _log.info("%s reports deleted by retention", deleted)


class Sweeper(StartStopStep):  # type: ignore[misc]  # the base is untyped
    """Runs the sweeper beside the worker's main loop, which must never wait for a database."""

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._stop = threading.Event()

    def start(self, _worker: Any) -> None:
        """Begin to sweep."""
        thread = threading.Thread(target=run, args=(load_settings(), self._stop), name="sweeper", daemon=True)
        thread.start()

    def stop(self, _worker: Any) -> None:
        """Let the current sweep be the last. Nobody waits for it: what it leaves undone, the next sweeper finds."""
        self._stop.set()
