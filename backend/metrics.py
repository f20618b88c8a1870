"""Writes `/metrics` in the text format of Prometheus. It is loaded when it is first asked for, because that takes time.

Label values are routes, states and other words of ours, so a client cannot make up series.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from backend.observer import Asked, Observed, QueueCounts
from backend.row_counts import RowCounts
from backend.traffic import BOUNDS, Traffic

CONTENT_TYPE = CONTENT_TYPE_LATEST
_BOUNDS = (*map(str, BOUNDS), "+Inf")


@dataclass(frozen=True, kw_only=True, eq=False)
class Moment(Collector):
    """What there is to tell at one moment."""

    traffic: Traffic
    observed: Observed
    connections: int
    refused_connections: int
    bytes_in_flight: Mapping[str, int]
    """`answers` and `bodies` -> bytes in memory."""

    def collect(self) -> Iterator[Metric]:
        """Yield each figure with its series."""
        yield from _tell_traffic(self.traffic)
        yield _gauge("connections", "Open connections", self.connections)
        yield _counter("refused_connections", "Connections beyond the limit", self.refused_connections)
        in_flight = self.bytes_in_flight.items()
        yield _gauges("bytes_in_flight", "Large bodies and answers in memory, in bytes", "kind", in_flight)
        yield from _tell_service("database", self.observed.rows)
        if self.observed.rows.found is not None:
            yield from _tell_rows(self.observed.rows.found)
        yield from _tell_service("broker", self.observed.queue)
        if self.observed.queue.found is not None:
            yield from _tell_queue(self.observed.queue.found)


def write(moment: Moment) -> bytes:
    """Return everything as text, with the memory, processor time and descriptors of this process."""
    registry = CollectorRegistry()
    registry.register(moment)
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _tell_traffic(traffic: Traffic) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "weighbridge_requests", "Answered requests; 499: the client left", labels=("method", "route", "status")
    )
    for (method, route, status), count in sorted(traffic.answers.items()):
        requests.add_metric((method, route, str(status)), count)
    yield requests
    seconds = HistogramMetricFamily("weighbridge_request_seconds", "Until the answer was sent", labels=("route",))
    for route, durations in sorted(traffic.durations.items()):
        counts = accumulate(durations.classes)
        seconds.add_metric((route,), list(zip(_BOUNDS, counts, strict=True)), durations.total_seconds)
    yield seconds
    yield _gauge("requests_in_work", "Requests that are being answered", traffic.in_work)


def _tell_service(name: str, asked: Asked[RowCounts] | Asked[QueueCounts]) -> Iterator[Metric]:
    yield _gauge(f"{name}_up", "Whether it answers", int(asked.found is not None))
    yield _gauge(f"{name}_seconds", "How long its figures took", asked.seconds)


def _tell_rows(rows: RowCounts) -> Iterator[Metric]:
    yield _gauge("reports", "Stored reports", rows.reports)
    yield _gauge("report_bytes", "Their records, in bytes", rows.report_bytes)
    yield _gauges("comparisons", "Comparisons by state", "state", rows.comparisons.items())
    leases = {"held": rows.held_leases, "expired": rows.expired_leases}
    yield _gauges("leases", "Comparisons in work, and those whose worker was lost", "state", leases.items())
    age = "Age of the oldest message about a comparison that no worker has taken"
    yield _gauge("oldest_message_seconds", age, rows.oldest_message_seconds)
    yield _gauge("most_attempts", "The most attempts of a pending comparison", rows.most_attempts)


def _tell_queue(queue: QueueCounts) -> Iterator[Metric]:
    messages = {"waiting": queue.waiting, "taken": queue.taken}
    yield _gauges("messages", "Messages in Redis: waiting, and taken by workers", "state", messages.items())
    yield _counter("undecodable_messages", "Messages dropped since Redis was emptied", queue.undecodable)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"weighbridge_{name}", text, value)


def _gauges(name: str, text: str, label: str, values: Iterable[tuple[str, int]]) -> Metric:
    family = GaugeMetricFamily(f"weighbridge_{name}", text, labels=(label,))
    for key, value in values:
        family.add_metric((key,), value)
    return family


def _counter(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(f"weighbridge_{name}", text, value)
