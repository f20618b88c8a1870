"""The benches of the running service: what they send is accepted, what they expect is true, and what they conclude."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from backend import service
from backend.store import Store
from benchmarks import service_report, soak
from benchmarks.service_client import Client
from benchmarks.service_load import Load, ServiceResults, make_pair, make_record
from benchmarks.service_stack import ServiceStack
from benchmarks.soak import SoakResults
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.errors import SettingsError
from weighbridge.render.terminal import console
from weighbridge.settings.project import Settings

GOOD = SoakResults(
    minutes=3,
    kills=9,
    reports=500,
    comparisons=400,
    refused=7,
    lost_reports=0,
    lost_comparisons=0,
    first_bytes=300_000_000,
    last_bytes=320_000_000,
    is_short_of_memory=False,
    locked=0,
)
LOAD = Load(
    operation="post",
    clients=64,
    per_second=40.0,
    median_seconds=1.5,
    slowest_seconds=2.25,
    statuses={0: 1, 201: 90, 503: 4},
    api_bytes=100_000_000,
    worker_bytes=150_000_000,
)


def test_the_service_finds_what_the_soak_expects(tmp_path: Path) -> None:
    """Its records are accepted and come back as they were, and the difference is that of their numbers alone."""
    store = Store(f"sqlite:///{tmp_path}/w.db")
    ids = [service.add_report(store, json.dumps(make_record(number)).encode())[0] for number in (5, 90_000)]
    asked = service.request_comparison(store, lambda _: None, **make_pair(*ids))
    service.run_comparison(store, asked.id)
    done = service.get_comparison(store, asked.id)
    records = [json.loads(service.get_record(store, key)) for key in ids]
    store.close()
    found = {"status": done.status, "difference": json.loads(done.difference or b"")}

    assert records == [make_record(5), make_record(90_000)]
    assert soak.is_right(found, 5, 90_000)
    assert not soak.is_right(found, 5, 90_001)
    assert not soak.is_right({"status": "pending"}, 5, 90_000)


@pytest.mark.parametrize(
    ("results", "holds"),
    [
        (GOOD, True),
        (replace(GOOD, lost_reports=1), False),
        (replace(GOOD, lost_comparisons=1), False),
        (replace(GOOD, last_bytes=331_000_000), False),
        (replace(GOOD, last_bytes=200_000_000), True),
        (replace(GOOD, is_short_of_memory=True), False),
    ],
)
def test_a_soak_is_judged(results: SoakResults, *, holds: bool) -> None:
    """Nothing may be lost, and memory may grow by a tenth."""
    assert results.holds == holds


def test_a_soak_needs_time() -> None:
    """It is refused before anything starts."""
    with console.show_activity() as shown, pytest.raises(SettingsError, match="--minutes 0 would show nothing"):
        soak.run(Settings(), Path(), shown, minutes=0)


def test_what_was_lost_and_refused_is_shown() -> None:
    """In words, and whole as JSON."""
    told, loads, exported = io.StringIO(), io.StringIO(), io.StringIO()
    service_report.render_soak(replace(GOOD, lost_reports=3, is_short_of_memory=True), told)
    service_report.render(ServiceResults(image="x:multi", loads=(LOAD,), is_short_of_memory=False, locked=2), loads)
    service_report.render_soak_json(GOOD, exported)

    assert "500 reports accepted, 3 of them lost" in told.getvalue()
    assert "(+6.7%, 10% allowed)" in told.getvalue()
    assert "for want of memory" in told.getvalue()
    assert "post, 64 clients: 1 times no answer, 4 times 503" in loads.getvalue()
    assert '"database is locked" in the logs: 2' in loads.getvalue()
    assert json.loads(exported.getvalue())["last_bytes"] == 320_000_000


def test_the_client_comes_back_after_a_lost_connection() -> None:
    """An answer is read to its end; a server that closes is an error once, and is asked anew afterwards."""
    asked = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                asked += 1
                if asked == 2:
                    break
                writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(0.05)
                writer.write(b'{"n":%3d}' % asked)
        writer.close()
        await writer.wait_closed()

    async def run() -> list[int]:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        nowhere = BuildClient.__new__(BuildClient)
        client = Client(ServiceStack("test", nowhere, "", "", "127.0.0.1", port))
        found = [(await client.ask("GET", "/")).content["n"]]
        with pytest.raises(ConnectionError):
            await client.ask("GET", "/")
        found.append((await client.ask("GET", "/")).content["n"])
        client.close()
        await asyncio.sleep(0.1)
        server.close()
        return found

    assert asyncio.run(run()) == [1, 3]
