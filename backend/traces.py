"""Makes spans of jobs and SQL statements, and sends all spans by OTLP. FastAPI makes those of requests by itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from sqlalchemy import Engine, event

REQUEST_ID = "weighbridge.request_id"
"""The attribute with the id of the request that a span belongs to."""
_EXPORT_SECONDS = 3
"""How long a collector may take, unless OTEL_EXPORTER_OTLP_TIMEOUT says: a stop must not wait for one that hangs."""
_MOST_CHARACTERS = 1000
_SPAN = "weighbridge_span"


class Traces:
    """The traces of one process."""

    def __init__(self, role: str) -> None:
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: f"weighbridge-{role}"}
        timeout = None if os.environ.get("OTEL_EXPORTER_OTLP_TIMEOUT") else _EXPORT_SECONDS
        self._provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=timeout)))
        trace.set_tracer_provider(self._provider)
        self._tracer = self._provider.get_tracer("backend")
        self._job = ExitStack()
        self._listeners: dict[str, Callable[..., Any]] = {
            "before_cursor_execute": self._begin_statement,
            "after_cursor_execute": self._end_statement,
            "handle_error": self._fail_statement,
        }
        for name, listener in self._listeners.items():
            event.listen(Engine, name, listener)

    def stop(self) -> None:
        """Send what is left."""
        for name, listener in self._listeners.items():
            event.remove(Engine, name, listener)
        self._provider.shutdown()

    def note_request(self, request_id: str) -> None:
        """Give the current span an id."""
        trace.get_current_span().set_attribute(REQUEST_ID, request_id)

    def carry(self) -> dict[str, str]:
        """Return the current span as headers, by W3C's Trace Context."""
        headers: dict[str, str] = {}
        propagate.inject(headers)
        return headers

    def begin_job(self, name: str, headers: Mapping[str, object], request_id: str | None) -> None:
        """Begin the span of a job; a process of the pool has one at a time."""
        parent = propagate.extract({key: value for key, value in headers.items() if isinstance(value, str)})
        attributes = {"messaging.system": "celery", "messaging.operation.name": "process"}
        if request_id:
            attributes[REQUEST_ID] = request_id
        span = self._tracer.start_as_current_span(name, parent, kind=SpanKind.CONSUMER, attributes=attributes)
        self._job.enter_context(span)

    def end_job(self, state: str) -> None:
        """End the span of the job."""
        span = trace.get_current_span()
        span.set_attribute("celery.state", state)
        if state == "FAILURE":
            span.set_status(StatusCode.ERROR)
        self._job.close()

    def _begin_statement(
        self, connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _: Any
    ) -> None:
        """Begin the span of a statement, without its values. What belongs to no request and no job has none."""
        if not trace.get_current_span().is_recording():
            return
        attributes = {"db.system.name": connection.dialect.name, "db.query.text": statement[:_MOST_CHARACTERS]}
        verb = statement.split(maxsplit=1)[0].upper()
        setattr(context, _SPAN, self._tracer.start_span(verb, kind=SpanKind.CLIENT, attributes=attributes))

    def _end_statement(
        self, _connection: Any, _cursor: Any, _statement: str, _values: Any, context: Any, _: Any
    ) -> None:
        if span := _take_span(context):
            span.end()

    def _fail_statement(self, failure: Any) -> None:
        if span := _take_span(failure.execution_context):
            span.set_attribute("error.type", type(failure.original_exception).__name__)
            span.set_status(StatusCode.ERROR)
            span.end()


def _take_span(context: Any) -> Span | None:
    """Return the span of a statement, once."""
    span: Span | None = getattr(context, _SPAN, None)
    if span is not None:
        delattr(context, _SPAN)
    return span
