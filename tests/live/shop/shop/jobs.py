"""The worker: prices orders."""

from __future__ import annotations

import os
import time
from pathlib import Path

from celery import Celery, Task, signals  # type: ignore[import-untyped]  # Celery ships no types
from psycopg import OperationalError

from . import store

ALIVE = Path("/tmp/shop-alive")  # noqa: S108 - the one place of a container that is its own
_EACH = 7

app = Celery("shop", broker=os.environ.get("CELERY_BROKER_URL"))
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=2,
)
_again = {"autoretry_for": (OperationalError,), "max_retries": None, "retry_backoff": 1, "retry_backoff_max": 4}


@signals.worker_ready.connect  # type: ignore[untyped-decorator]  # Celery ships no types
@signals.heartbeat_sent.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def beat(**_: object) -> None:
    """Leave a sign of life for the health check."""
    ALIVE.touch()


@app.task(name="shop.price", **_again)  # type: ignore[untyped-decorator]  # Celery ships no types
def price(order: str) -> None:
    """Find the price of an order."""
    found = store.find(order)
    if found is not None:
        store.set_price(order, found[1] * _EACH)


@app.task(name="shop.rest", bind=True, **_again)  # type: ignore[untyped-decorator]  # Celery ships no types
def rest(self: Task, seconds: float) -> None:
    """Take some time."""
    time.sleep(seconds)
    store.note_rest(self.request.id, seconds)
