"""What `/metrics` tells, read by the parser of Prometheus' own library, beside what really happened."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from sqlalchemy import create_engine, text

from backend import observer
from backend.settings import Settings
from backend.store import Store

ROOT = Path(__file__).parents[2]
Key = tuple[str, frozenset[tuple[str, str]]]


@pytest.fixture
def client(serving: Any, settings: Settings) -> Iterator[httpx.Client]:
    """Yield a client of an empty service without Redis."""
    with serving(settings) as found:
        yield found


def scrape(client: httpx.Client) -> dict[Key, float]:
    """Return each series with its value."""
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples}


def series(name: str, **labels: str) -> Key:
    """Return the key of a series of ours."""
    return f"weighbridge_{name}", frozenset(labels.items())


def test_requests_are_counted_by_route_and_status(client: httpx.Client, record: Any) -> None:
    """Of the route, not of the path; what has no route, and a method that nobody knows, are `other`."""
    for _ in range(3):
        client.get("/v1/reports/x")
    client.post("/v1/reports", json=record())
    client.get("/a")
    client.get("/b")
    client.request("BREW", "/c")
    found = scrape(client)

    assert found[series("requests_total", method="GET", route="/v1/reports/{report_id}", status="404")] == 3
    assert found[series("requests_total", method="POST", route="/v1/reports", status="201")] == 1
    assert found[series("requests_total", method="GET", route="other", status="404")] == 2
    assert found[series("requests_total", method="other", route="other", status="404")] == 1
    assert found[series("request_seconds_count", route="/v1/reports/{report_id}")] == 3
    assert found[series("request_seconds_bucket", route="/v1/reports/{report_id}", le="30.0")] == 3
    assert found[series("requests_in_work")] == 1
    assert found[("process_resident_memory_bytes", frozenset())] > 10**7


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/reports.db"
    return str(request.getfixturevalue("new_postgres_database")())


def test_rows_are_counted_as_they_are(serving: Any, settings: Settings, database_url: str, record: Any) -> None:
    """Reports with their bytes, comparisons by state, leases, and the age of the oldest message."""
    states = ("waits", "sent", "held", "lost", "done", "failed")
    with serving(settings.model_copy(update={"database_url": database_url})) as client:
        ids = [client.post("/v1/reports", json=record(commit=name)).json()["id"] for name in "abcdefg"]
        store = Store(database_url)
        for name, (before, after) in zip(states, itertools.pairwise(ids), strict=True):
            store.open_comparison(name, before, after)
        store.close()
        now = time.time()
        engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as database:
            size = database.scalar(text("SELECT SUM(LENGTH(record)) FROM reports"))
            database.execute(text("UPDATE comparisons SET sent_at = :at WHERE id = 'waits'"), {"at": now - 100})
            for name, until in (("held", now + 60), ("lost", now - 60)):
                lease = text("UPDATE comparisons SET lease_until = :until, sent_at = NULL, attempts = 3 WHERE id = :id")
                database.execute(lease, {"until": until, "id": name})
            for name in ("done", "failed"):
                end = text("UPDATE comparisons SET status = :id, attempts = 9, sent_at = 0 WHERE id = :id")
                database.execute(end, {"id": name})
        engine.dispose()
        found = scrape(client)

    assert (found[series("reports")], found[series("report_bytes")]) == (7, size)
    counted = {state: found[series("comparisons", state=state)] for state in ("pending", "done", "failed")}
    assert counted == {"pending": 4, "done": 1, "failed": 1}
    assert [found[series("leases", state=state)] for state in ("held", "expired")] == [1, 1]
    assert found[series("oldest_message_seconds")] == pytest.approx(100, abs=5)
    assert found[series("most_attempts")] == 3


def test_no_rows(serving: Any, settings: Settings, database_url: str) -> None:
    """Of an empty database all figures are there, and 0."""
    with serving(settings.model_copy(update={"database_url": database_url})) as client:
        found = scrape(client)
    names = ("reports", "report_bytes", "oldest_message_seconds", "most_attempts")
    assert [found[series(name)] for name in names] == [0, 0, 0, 0]
    assert [found[series("leases", state=state)] for state in ("held", "expired")] == [0, 0]
    assert [found[series("comparisons", state=state)] for state in ("pending", "done", "failed")] == [0, 0, 0]
    assert found[series("database_up")] == 1


def test_what_is_away_is_told_and_nothing_made_up(client: httpx.Client) -> None:
    """Without Redis there are no figures of it, and those of the database are there."""
    found = scrape(client)

    assert (found[series("database_up")], found[series("broker_up")]) == (1, 0)
    assert found[series("reports")] == 0
    assert series("messages", state="waiting") not in found


@pytest.mark.services
def test_messages_are_counted(serving: Any, tmp_path: Path, redis_url: str) -> None:
    """Those that wait, and those that nobody could read."""
    redis = Redis.from_url(redis_url)
    redis.delete("celery", "backend.undecodable")
    redis.lpush("celery", "one", "two")
    redis.set("backend.undecodable", 7)
    with serving(Settings(database_url=f"sqlite:///{tmp_path}/w.db", redis_url=redis_url)) as client:
        found = scrape(client)
    redis.delete("celery", "backend.undecodable")
    redis.close()

    assert [found[series("messages", state=state)] for state in ("waiting", "taken")] == [2, 0]
    assert (found[series("undecodable_messages_total")], found[series("broker_up")]) == (7, 1)


def test_connections_and_bytes_are_those_of_the_moment(client: httpx.Client) -> None:
    """Seven more connections, and a body of which 200 kB are here and 300 kB announced."""
    before = scrape(client)
    with ExitStack() as stack:
        address = client.base_url.host, client.base_url.port
        links = [stack.enter_context(socket.create_connection(address, 10)) for _ in range(7)]
        links[0].sendall(b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
        links[0].sendall(b"Content-Length: 300000\r\n\r\n" + b" " * 200_000)
        time.sleep(0.3)
        during = scrape(client)
    time.sleep(0.3)
    after = scrape(client)

    connections = [each[series("connections")] for each in (before, during, after)]
    assert connections == [connections[0], connections[0] + 7, connections[0]]
    bodies = [each[series("bytes_in_flight", kind="bodies")] for each in (before, during, after)]
    assert bodies == [0, 300_000, 0]


def test_it_can_need_a_token(serving: Any, tmp_path: Path) -> None:
    """One that may read is enough; the description says so."""
    url = f"sqlite:///{tmp_path}/w.db"
    guarded = Settings(database_url=url, read_tokens="reader", api_token="all", metrics_need_token=True)  # noqa: S106 - of nothing
    with serving(guarded) as client:
        statuses = [
            client.get("/metrics", headers={"Authorization": f"Bearer {token}"} if token else {}).status_code
            for token in (None, "wrong", "reader", "all")
        ]
        described = client.get("/openapi.json").json()["paths"]["/metrics"]["get"]
        listed = client.get("/v1/reports").status_code

    assert statuses == [401, 401, 200, 200]
    assert (described["security"], listed) == ([{"token": []}], 200)


def test_many_scrapers_cost_as_much_as_one(client: httpx.Client, monkeypatch: pytest.MonkeyPatch, record: Any) -> None:
    """The database is asked again only after a while."""
    scrape(client)
    client.post("/v1/reports", json=record())
    soon = scrape(client)[series("reports")]
    monkeypatch.setattr(observer, "KEPT_SECONDS", 0.0)

    assert (soon, scrape(client)[series("reports")]) == (0, 1)


def test_a_start_does_not_load_the_library() -> None:
    """Only who asks for the metrics waits for it."""
    code = "import sys, backend.application; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
