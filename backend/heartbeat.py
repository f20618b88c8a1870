"""The worker's sign of life: a file that its main loop touches, for the image's health check.

It proves that the main loop turns, which takes jobs from Redis: a hung loop lets the file go stale, and so does one
that waits for a lost Redis. It does not prove that jobs get done: their processes may all be busy, the database away.

Our own bootstep and not Celery's heartbeat signal, because `--without-heartbeat` silences that.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery.bootsteps import StartStopStep  # type: ignore[import-untyped]  # Celery ships no types

BEAT_SECONDS = 5.0


class Heartbeat(StartStopStep):  # type: ignore[misc]  # the base is untyped
    """Touches `heartbeat_path`, which is an entry of the Celery app's own settings."""

    requires = {"celery.worker.components:Timer"}  # noqa: RUF012 - Celery's interface

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._path = Path(worker.app.conf.heartbeat_path)
        self._entry: Any = None

    def start(self, worker: Any) -> None:
        """Beat once now and then every few seconds."""
        self._path.touch()
        self._entry = worker.timer.call_repeatedly(BEAT_SECONDS, self._path.touch)

    def stop(self, _worker: Any) -> None:
        """Stop beating and leave no file that a later container could take for its own."""
        if self._entry is not None:
            self._entry.cancel()
        self._path.unlink(missing_ok=True)
