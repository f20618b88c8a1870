"""The worker: texts in files, and what it does with them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from celery import Celery, signals  # type: ignore[import-untyped]  # Celery ships no types

DATA = Path("/var/lib/words")
ALIVE = Path("/tmp/words-alive")  # noqa: S108 - the one place of a container that is its own
BROKER = os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0")

app = Celery("words", broker=BROKER, backend=BROKER)
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": int(os.environ.get("WORDS_VISIBILITY_TIMEOUT", "600")),
        "unacked_restore_throttle": 1,
        "unacked_restore_interval": 2,
    },
)


@signals.worker_ready.connect  # type: ignore[untyped-decorator]  # Celery ships no types
@signals.heartbeat_sent.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def beat(**_: object) -> None:
    """Leave a sign of life for the health check."""
    ALIVE.touch()


def save(name: str, value: object) -> None:
    """Write a file at once or not at all."""
    draft = DATA / f"{name}.{os.getpid()}.draft"
    try:
        draft.write_text(json.dumps(value), encoding="utf-8")
        draft.replace(DATA / name)
    finally:
        draft.unlink(missing_ok=True)


def load(name: str) -> str | None:
    """Return what a file holds, as JSON; None where there is none."""
    try:
        return (DATA / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


@app.task(name="words.count", autoretry_for=(OSError,), retry_backoff=1, retry_backoff_max=4)  # type: ignore[untyped-decorator]  # Celery ships no types
def count(text: str) -> int:
    """Count the words of a text that was saved."""
    words = len(json.loads(load(f"{text}.text") or '""').split())
    save(f"{text}.count", words)
    return words


@app.task(name="words.sleep")  # type: ignore[untyped-decorator]  # Celery ships no types
def sleep(seconds: float) -> float:
    """Take some time."""
    time.sleep(seconds)
    return seconds
