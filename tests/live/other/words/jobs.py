"""The worker: texts in files, and what it does with them."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread

from celery import Celery, signals  # type: ignore[import-untyped]  # Celery ships no types
from redis import Redis
from redis.exceptions import RedisError

from . import transport as transport  # noqa: PLC0414 - which sees to the scheme redis://

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


@signals.worker_ready.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def begin(**_: object) -> None:
    """Look for lost texts from now on."""
    Thread(target=send_lost_again, daemon=True).start()


def send_lost_again() -> None:
    """While no message waits, send each text again that has not been counted for some seconds."""
    broker = Redis.from_url(BROKER, socket_timeout=1, socket_connect_timeout=1)
    while True:
        time.sleep(2)
        with suppress(RedisError, OSError):
            texts = [] if broker.llen("celery") else DATA.glob("*.text")
            for text in texts:
                if not text.with_suffix(".count").exists() and text.stat().st_mtime < time.time() - 3:
                    count.delay(text.stem)


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
