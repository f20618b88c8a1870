"""The worker within the memory that compose.yaml grants, while it compares the costliest records that are allowed.

It has the host's network, on which the test's own Redis and PostgreSQL are, and its file of SQLite is the test's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from backend import copy, service
from backend.bodies import MAX_BODY_BYTES
from backend.broker import Broker
from backend.contract import MAX_IMAGES, MAX_LAYERS, MAX_ROWS
from backend.database import Database
from backend.settings import Settings
from backend.store import Store
from backend.tables import comparisons
from tests.live.limited import build_image, run_role
from tests.live.test_api_under_load import IMAGE, RECORD
from weighbridge.build import bases
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine

pytestmark = [pytest.mark.engine, pytest.mark.services, pytest.mark.slow]

WIDE = "\N{GRINNING FACE}"
"""A character for which every other one of its text takes four bytes in memory."""
SECONDS = 60.0


def _make_rows(side: str) -> dict[str, Any]:
    """Make as many rows as fit, in images with the most that one may have; all differ from those of the other side."""
    rows = [
        {"category": "", "name": f"{WIDE}{side}{number:x}", "version": None, "bytes": 1} for number in range(164_000)
    ]
    most = MAX_ROWS["ledger"]
    return _join("ledger", [rows[start : start + most] for start in range(0, len(rows), most)])


def _make_layers(side: str) -> dict[str, Any]:
    """Make as many images as there may be, each with as many layers as it may have."""
    row = {"instruction": "", "in_base": None, "shipped_bytes": 0, "file_count": 0, "index": 0}
    images = [
        [row | {"diff_id": f"{side}{number:x}{each:x}"} for each in range(MAX_LAYERS)] for number in range(MAX_IMAGES)
    ]
    return _join("layers", images)


def _make_text(side: str) -> dict[str, Any]:
    """Make one long text, each character of which takes four bytes in memory."""
    row = {"instruction": WIDE + "x" * 9_900_000, "in_base": None, "shipped_bytes": 0, "file_count": 0, "index": 0}
    return _join("layers", [[row | {"diff_id": side}]])


def _make_escapes(side: str) -> dict[str, Any]:
    """Make one text that consists of escapes."""
    row = {"instruction": "\x01" * 1_600_000, "in_base": None, "shipped_bytes": 0, "file_count": 0, "index": 0}
    return _join("layers", [[row | {"diff_id": side}]])


def _make_keys(side: str) -> dict[str, Any]:
    """Make an object with almost a million values, under keys of which nobody knows any."""
    return RECORD | {"unknown": {f"{side}{key:06x}": key % 10 for key in range(830_000)}}


def _make_nested(side: str) -> dict[str, Any]:
    """Make almost a million values, nested as deeply as can be read."""
    part: Any = side
    for _ in range(180):
        part = {"a": part}
    return RECORD | {"unknown": [part] * 5400}


SHAPES = (_make_rows, _make_layers, _make_text, _make_escapes, _make_keys, _make_nested)


def _join(name: str, rows: list[Any]) -> dict[str, Any]:
    images = [IMAGE | {"variant": f"v{number}", name: some} for number, some in enumerate(rows)]
    return RECORD | {"images": images}


@pytest.fixture(scope="module")
def pairs(filed: Path) -> list[tuple[str, str]]:
    """Return the ids of pairs of the costliest records, which are in the file."""
    store = Store(f"sqlite:///{filed}")
    found = []
    for make in SHAPES:
        before, after = (service.add_report(store, _write(make(side)))[0] for side in "ab")
        found.append((before, after))
    store.close()
    return [*found, found[0][::-1]]


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a database that all may write to, for the worker is another user."""
    path = tmp_path_factory.mktemp("data") / "reports.db"
    path.parent.chmod(0o777)
    path.touch()
    path.chmod(0o666)
    return path


def _write(record: dict[str, Any]) -> bytes:
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
    assert len(text) <= MAX_BODY_BYTES, len(text)
    return text


@pytest.fixture(scope="module")
def image(engine: DockerEngine, client: docker_cli.BuildClient, python_base: bases.BaseImage) -> Iterator[str]:
    """Return this repository's image."""
    with build_image(engine, client, python_base, "worker") as image:
        yield image


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_costliest_comparisons_fit(  # noqa: PLR0917 - fixtures
    kind: str,
    image: str,
    engine: DockerEngine,
    client: docker_cli.BuildClient,
    pairs: list[tuple[str, str]],
    filed: Path,
    redis_url: str,
    request: pytest.FixtureRequest,
) -> None:
    """All of them are asked for at once, and done; the kernel kills no process of the worker."""
    url, there = f"sqlite:///{filed}", f"sqlite:////data/{filed.name}"
    if kind == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("new_postgres_database")
        url = there = make()
        _copy(f"sqlite:///{filed}", url)
    store, broker = Store(url), Broker(Settings(database_url=url, redis_url=redis_url))
    options = ["--network", "host", "--volume", f"{filed.parent}:/data"]
    options += ["--env", f"REDIS_URL={redis_url}", "--env", f"DATABASE_URL={there}"]
    with run_role(engine, client, image, "worker", options) as worker:
        asked = [service.request_comparison(store, broker.send_comparison, *pair).id for pair in pairs]
        deadline = time.monotonic() + SECONDS
        while "pending" in (states := [service.get_comparison(store, each).status for each in asked]):
            assert time.monotonic() < deadline, (states, worker.docker("logs", worker.name)[-2000:])
            time.sleep(0.2)
        fault = worker.find_fault()
    store.close()
    broker.close()

    assert fault == ""
    assert states == ["done"] * len(asked)


def _copy(source: str, target: str) -> None:
    """Copy the reports, and no comparison."""
    databases = Database(source, patient=True), Database(target, patient=True)
    copy.copy(*databases)
    with databases[1].transaction(write=True) as connection:
        connection.execute(delete(comparisons))
    for each in databases:
        each.close()
