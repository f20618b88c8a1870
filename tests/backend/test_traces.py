"""Traces of requests, jobs and SQL, as a real collector gets them by OTLP over HTTP."""

from __future__ import annotations

import gzip
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from redis import Redis

from backend import health
from tests.backend.conftest import ROOT

WORKER = ("celery", "-A", "backend.worker", "worker", "--without-gossip", "--without-mingle")
CLIENT, CONSUMER, SERVER = 3, 5, 2
"""Numbers of the kinds of spans in OTLP."""


@dataclass
class Collector:
    """What a collector has received."""

    url: str
    spans: list[dict[str, Any]] = field(default_factory=list)

    def wait_for(self, enough: Callable[[list[dict[str, Any]]], bool], seconds: float = 20) -> list[dict[str, Any]]:
        """Return all spans once there are enough."""
        deadline = time.monotonic() + seconds
        while not enough(self.spans):
            assert time.monotonic() < deadline, self.spans
            time.sleep(0.05)
        return self.spans


def _follow(spans: list[dict[str, Any]], trace_id: str) -> list[dict[str, Any]]:
    """Return the spans of one trace."""
    return [span for span in spans if span["trace"] == trace_id]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """Receive traces."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                received.spans.extend(read(body))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield received
        server.shutdown()
        thread.join()


def read(body: bytes) -> Iterator[dict[str, Any]]:
    """Yield the spans of a request, flat."""
    message = ExportTraceServiceRequest()
    message.ParseFromString(body)
    for resource in message.resource_spans:
        service = next(each.value.string_value for each in resource.resource.attributes if each.key == "service.name")
        for scope in resource.scope_spans:
            for span in scope.spans:
                attributes = {
                    each.key: each.value.string_value or each.value.int_value or each.value.bool_value
                    for each in span.attributes
                }
                yield {
                    "service": service,
                    "name": span.name,
                    "kind": span.kind,
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "attributes": attributes,
                    "is_error": span.status.code == 2,
                }


def wait_until_loaded(port: int) -> None:
    """Wait until an API answers more than `/livez`."""
    deadline = time.monotonic() + 30
    while not health.check_api(str(port))[0]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=30)  # whatever it says, it waits, and has no span


@pytest.mark.services
def test_a_request_and_its_job_are_one_trace(  # noqa: PLR0917 - fixtures
    redis_url: str, start: Any, record: Any, free_port_of: Callable[[], int], tmp_path: Path, collector: Collector
) -> None:
    """The job's span is below the request's, each SQL statement's below either; both have the request's id."""
    port, database = free_port_of(), f"sqlite:///{tmp_path}/w.db"
    env = {
        "REDIS_URL": redis_url,
        "DATABASE_URL": database,
        "HEARTBEAT_PATH": f"{tmp_path}/beat",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    start("api", "uvicorn", "backend.main:app", "--port", str(port), env=env)
    start("worker", *WORKER, env=env)
    wait_until_loaded(port)
    deadline = time.monotonic() + 30
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        ids = [client.post("/v1/reports", json=record(commit=name)).json()["id"] for name in ("a", "b")]
        headers = {"X-Request-ID": "follow.me", "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
        location = client.post("/v1/comparisons", json={"before": ids[0], "after": ids[1]}, headers=headers).headers[
            "location"
        ]
        while client.get(location).json()["status"] != "done":
            assert time.monotonic() < deadline
            time.sleep(0.05)
    # The API and the worker each send theirs when they come to it.
    spans = collector.wait_for(lambda spans: {SERVER, CONSUMER} <= {each["kind"] for each in _follow(spans, trace_id)})
    mine = _follow(spans, trace_id)
    (request,) = [span for span in mine if span["kind"] == SERVER]
    (job,) = [span for span in mine if span["kind"] == CONSUMER]
    statements = [span for span in mine if span["kind"] == CLIENT]

    assert (request["name"], request["service"], request["parent"]) == (
        "POST /v1/comparisons",
        "weighbridge-api",
        "00f067aa0ba902b7",
    )
    assert request["attributes"]["http.response.status_code"] == 202
    assert (job["name"], job["service"], job["parent"]) == ("backend.compare", "weighbridge-worker", request["id"])
    assert {request["attributes"]["weighbridge.request_id"], job["attributes"]["weighbridge.request_id"]} == {
        "follow.me"
    }
    assert job["attributes"]["celery.state"] == "SUCCESS"
    assert {span["parent"] for span in statements} == {request["id"], job["id"]}
    assert {span["attributes"]["db.system.name"] for span in statements} == {"sqlite"}
    texts = "\n".join(str(span["attributes"]["db.query.text"]) for span in statements)
    assert "INSERT INTO comparisons" in texts
    assert "UPDATE comparisons" in texts
    assert not any(each in texts for each in ids), "values are not sent"


@pytest.mark.services
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_job_that_is_sent_again_goes_on_with_the_trace(  # noqa: PLR0917 - fixtures
    kind: str,
    request: pytest.FixtureRequest,
    redis_url: str,
    start: Any,
    record: Any,
    free_port_of: Callable[[], int],
    tmp_path: Path,
    collector: Collector,
) -> None:
    """Redis is emptied before a worker runs: what the sweeper sends has the id and the span of the first request."""
    database = f"sqlite:///{tmp_path}/w.db"
    if kind == "postgresql":
        database = request.getfixturevalue("new_postgres_database")()
    port = free_port_of()
    env = {
        "REDIS_URL": redis_url,
        "DATABASE_URL": database,
        "HEARTBEAT_PATH": f"{tmp_path}/beat",
        "VISIBILITY_TIMEOUT_SECONDS": "10",  # … so a sweep every second
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    start("api", "uvicorn", "backend.main:app", "--port", str(port), env=env)
    wait_until_loaded(port)
    trace_id = "5bf92f3577b34da6a3ce929d0e0e4737"
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        ids = [client.post("/v1/reports", json=record(commit=name)).json()["id"] for name in ("a", "b")]
        headers = {"X-Request-ID": "follow.me", "traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
        pair = {"before": ids[0], "after": ids[1]}
        assert client.post("/v1/comparisons", json=pair, headers=headers).status_code == 202
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
    start("worker", *WORKER, env=env)
    spans = collector.wait_for(lambda spans: any(span["kind"] == CONSUMER for span in spans), 40)
    (asked,) = [span for span in spans if span["kind"] == SERVER and span["trace"] == trace_id]
    (job,) = [span for span in spans if span["kind"] == CONSUMER]
    lines = [json.loads(line) for line in (tmp_path / "worker.log").read_text().splitlines()]

    assert any("lost jobs sent again" in line["message"] for line in lines)
    assert (job["trace"], job["parent"]) == (trace_id, asked["id"])
    assert job["attributes"]["weighbridge.request_id"] == "follow.me"
    assert [line["request_id"] for line in lines if line["message"] == "comparison done"] == ["follow.me"]


def test_what_is_not_traced(
    start: Any, record: Any, free_port_of: Callable[[], int], tmp_path: Path, collector: Collector
) -> None:
    """Probes have no spans; a request that fails has one that says so; what is left is sent at the end."""
    port = free_port_of()
    env = {
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "DATABASE_URL": f"sqlite:///{tmp_path}/w.db",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_SERVICE_NAME": "mine",
        "OTEL_BSP_SCHEDULE_DELAY": "60000",
    }
    api = start("api", "uvicorn", "backend.main:app", "--port", str(port), env=env)
    wait_until_loaded(port)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        for path in ("/livez", "/readyz", "/metrics"):
            client.get(path)
        report = client.post("/v1/reports", json=record()).json()["id"]
        assert client.post("/v1/comparisons", json={"before": report, "after": report}).status_code == 503
        (tmp_path / "w.db").unlink()  # a new file, because pages of the old one are in memory
        (tmp_path / "w.db").write_bytes(b"no database" * 1000)
        assert client.get(f"/v1/reports/{report}").status_code == 503
    assert collector.spans == []
    api.terminate()
    api.wait(20)
    spans = collector.spans
    assert {span["service"] for span in spans} == {"mine"}
    requests = [span for span in spans if span["kind"] == SERVER]
    assert [span["name"] for span in requests] == [
        "POST /v1/reports",
        "POST /v1/comparisons",
        "GET /v1/reports/{report_id}",
    ]
    assert [span["is_error"] for span in requests] == [False, True, True]
    failed = [span for span in spans if span["kind"] == CLIENT and span["is_error"]]
    assert {(span["parent"], span["attributes"]["error.type"]) for span in failed} == {
        (requests[-1]["id"], "DatabaseError")
    }


def test_lock_of_the_extra() -> None:
    """It has the same versions as the image's own lock, and more; the SDK is in it alone."""
    own, extra = (
        set(re.findall(r"^[a-z0-9-]+==\S+", (ROOT / "backend" / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("requirements.txt", "requirements-tracing.txt")
    )
    assert own < extra
    assert [name for name in extra - own if name.startswith("opentelemetry-sdk==")]


def test_without_the_extra_a_line_says_so(start: Any, free_port_of: Callable[[], int], tmp_path: Path) -> None:
    """If the variable is set, but OpenTelemetry's SDK is not there, the API runs, and logs why nothing is sent."""
    port = free_port_of()
    hidden = tmp_path / "hidden"
    (hidden / "opentelemetry").mkdir(parents=True)
    (hidden / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.startswith('opentelemetry.sdk'): raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    env = {
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "DATABASE_URL": f"sqlite:///{tmp_path}/w.db",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "PYTHONPATH": os.pathsep.join([str(hidden), os.environ.get("PYTHONPATH", "")]),
    }
    start("api", "uvicorn", "backend.main:app", "--port", str(port), env=env)
    wait_until_loaded(port)
    log = "\n".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.log"))
    assert "the extra `tracing` is not installed: no traces are sent" in log
