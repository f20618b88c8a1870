"""The worker's heartbeat: a file that its main loop touches, for the image's health check.

It proves that the main loop, which takes jobs from Redis, is running. The file goes stale if the loop hangs or waits
for a lost Redis. It does not prove that jobs are done: all processes may be busy, or the database may be down.

This is our own bootstep, because `--without-heartbeat` would silence Celery's heartbeat signal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery.bootsteps import StartStopStep  # type: ignore[import-untyped]  # Celery ships no types

BEAT_SECONDS = 5.0


class Heartbeat(StartStopStep):  # type: ignore[misc]  # the base is untyped
    """Touches `heartbeat_path`, an entry in the Celery app's settings."""

    requires = {"celery.worker.components:Timer"}  # noqa: RUF012 - Celery's interface

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._path = Path(worker.app.conf.heartbeat_path)
        self._entry: Any = None

    def start(self, worker: Any) -> None:
        """Beat now, and then every few seconds."""
        self._path.touch()
        self._entry = worker.timer.call_repeatedly(BEAT_SECONDS, self._path.touch)

    def stop(self, _worker: Any) -> None:
        """Stop beating, and remove the file, so that a later container cannot mistake it for its own."""
        if self._entry is not None:
            self._entry.cancel()
        self._path.unlink(missing_ok=True)
