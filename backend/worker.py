"""The Celery worker: jobs that call the service in one line, and how they start, retry and fail.

A *job* is what Celery runs; only Celery's own decorator calls it a task. `celery -A backend.worker worker` starts it.
"""

from __future__ import annotations

import logging
import sys
from functools import cache
from typing import Any

from celery import Task  # type: ignore[import-untyped]  # Celery ships no types
from celery.exceptions import (  # type: ignore[import-untyped]  # Celery ships no types
    SoftTimeLimitExceeded,
    TimeLimitExceeded,
)
from celery.signals import (  # type: ignore[import-untyped]  # Celery ships no types
    celeryd_after_setup,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_process_init,
    worker_process_shutdown,
)

from backend import jobs, logs, remote_control, request_ids, service, tracing
from backend.broker import COMPARE, REHEARSE, make_celery
from backend.errors import Unavailable, root_cause
from backend.heartbeat import Heartbeat
from backend.large_work import Turns
from backend.settings import load_settings
from backend.store import Store
from backend.sweeper import Sweeper
from backend.trails import REQUEST_ID

_log = logging.getLogger(__name__)
_settings = load_settings()
app = make_celery(_settings)
app.steps["worker"] |= {Heartbeat, Sweeper}
remote_control.allow_inspection_alone()
_turns = Turns(_settings.heartbeat_path.with_name("worker.turn"))


@setup_logging.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _configure_logs(**_: object) -> None:
    """Configure logging in place of Celery. Only the worker sends this signal; `celery call` prints just an id."""
    logs.configure(_settings.log_level, _settings.secrets())


@celeryd_after_setup.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _keep_prose_off_stdout(instance: Any, **_: object) -> None:
    """Drop Celery's banner, and send its messages at a stop to stderr, because every line on stdout is JSON."""
    instance.quiet = True
    setattr(sys, "__stdout__", sys.__stderr__)  # noqa: B010 - typed as final, and read by Celery alone


@task_prerun.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _follow_request(task: Any, **_: object) -> None:
    """Let what a job logs have the id of the request that it comes from, also if the sweeper has sent its message."""
    headers = task.request.headers or {}
    request_ids.follow(headers.get(REQUEST_ID))
    tracing.begin_job(task.name, headers, request_ids.find_current())


@task_postrun.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _forget_request(state: str | None = None, **_: object) -> None:
    tracing.end_job(state or "UNKNOWN")
    request_ids.follow(None)


@worker_process_init.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _start_traces(**_: object) -> None:
    """Begin in each process of the pool, because what sends traces is a thread, which no fork copies."""
    tracing.start("worker")


@worker_process_shutdown.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _stop_traces(**_: object) -> None:
    tracing.stop()


@cache
def _store() -> Store:
    """Open the database on first use, which is in the process of a job and never before the fork."""
    return Store(_settings.database_url)


class ComparisonJob(Task):  # type: ignore[misc]  # the base is untyped
    """The behaviour of all comparisons: they are retried for a while if a service is lost, and fail on other errors.

    The retries are for speed. When they end, the row is still pending, and the sweeper sends it again.
    """

    autoretry_for = (Unavailable,)
    max_retries = _settings.max_retries
    retry_backoff = 1
    retry_backoff_max = _settings.max_retry_wait_seconds
    ignore_result = True  # the database's row is the truth

    def on_failure(self, exc: Exception, _id: str, args: list[Any], _kwargs: object, _info: object) -> None:
        """Store the reason, so that nobody waits for ever."""
        if isinstance(exc, Unavailable) or not (args and isinstance(args[0], str)):
            return
        why = f"The service has failed: {type(exc).__name__}"
        if isinstance(exc, SoftTimeLimitExceeded | TimeLimitExceeded):
            why = f"It took longer than {_settings.job_seconds} seconds."
        try:
            jobs.fail_unheld(_store(), args[0], why)
        except Unavailable as error:
            _log.error("a failed comparison stays pending: %s", root_cause(error), extra={"comparison": args[0]})


@app.task(name=COMPARE, base=ComparisonJob)  # type: ignore[untyped-decorator]  # Celery ships no types
def compare(comparison_id: str) -> None:
    """Look at one comparison's row, and make the comparison if it is due."""
    service.run_comparison(_store(), comparison_id, _settings.lease_seconds, turns=_turns)


@app.task(name=REHEARSE, bind=True)  # type: ignore[untyped-decorator]  # Celery ships no types
def rehearse(self: Any, seconds: float) -> float:
    """Stay busy, to show that a stop lets a running job finish."""
    return service.rehearse(seconds, self.request.id)
