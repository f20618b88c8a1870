"""Sends traces of requests, jobs and SQL, if OTEL_EXPORTER_OTLP_ENDPOINT is set and the extra `tracing` is installed.

Otherwise all of this does nothing, and loads nothing: what needs the extra is in `traces.py`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from backend.traces import Traces

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""The variable with the URL of a collector, as OpenTelemetry's specification names it."""
_log = logging.getLogger(__name__)
_running: list[Traces] = []
"""The traces of this process; none or one."""


def start(role: str) -> None:
    """Begin to send the traces of this process; a process that is forked later begins anew.

    Args:
        role: `api` or `worker`, of which the name of the service is made if OTEL_SERVICE_NAME is not set.
    """
    if not os.environ.get(ENDPOINT):
        return
    try:
        made = import_module("backend.traces").Traces(role)
    except ImportError:
        _log.warning("%s is set, but the extra `tracing` is not installed: no traces are sent", ENDPOINT)
        return
    _running[:] = [cast("Traces", made)]


def stop() -> None:
    """Send what was not sent yet, for a few seconds at most, and no more after that."""
    for traces in _running:
        traces.stop()
    _running.clear()


def note_request(request_id: str) -> None:
    """Give the current request's span the request's id."""
    for traces in _running:
        traces.note_request(request_id)


def carry() -> dict[str, str]:
    """Return the headers by which a message tells of the request that sent it; none without traces."""
    return next((traces.carry() for traces in _running), {})


def begin_job(name: str, headers: Mapping[str, object], request_id: str | None) -> None:
    """Begin the span of a job, below that of the request that sent it."""
    for traces in _running:
        traces.begin_job(name, headers, request_id)


def end_job(state: str) -> None:
    """End the span of the current job, whose state is one of Celery's."""
    for traces in _running:
        traces.end_job(state)
