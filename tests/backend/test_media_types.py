"""Bodies of other media types and encodings are refused before they are read, over a real server."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from backend.settings import Settings

PATHS = ["/v1/reports", "/v1/comparisons"]


@pytest.fixture(scope="module")
def client(serving: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Yield a client of one service for all tests here."""
    path = tmp_path_factory.mktemp("media") / "reports.db"
    with serving(Settings(database_url=f"sqlite:///{path}", redis_url="redis://127.0.0.1:1/0")) as client:
        yield client


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', None],
)
def test_json_is_accepted(client: httpx.Client, record: Any, kind: str | None) -> None:
    """Whatever the case, with or without the encoding, or without any word about it."""
    headers = {} if kind is None else {"Content-Type": kind}

    assert client.post("/v1/reports", content=json.dumps(record()), headers=headers).status_code in {200, 201}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/json; charset=utf-16",
        "multipart/form-data; boundary=x",
        "nonsense",
        "",
    ],
)
def test_other_media_types_are_415(client: httpx.Client, record: Any, path: str, kind: str) -> None:
    """Even if what is in the body were right."""
    answer = client.post(path, content=json.dumps(record()), headers={"Content-Type": kind})

    assert (answer.status_code, answer.headers["accept"]) == (415, "application/json")
    assert answer.json()["detail"].startswith("Content-Type: must be application/json, in UTF-8, not ")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip", "x"])
def test_compressed_bodies_are_415(client: httpx.Client, record: Any, path: str, coding: str) -> None:
    """What would be unpacked has no limit in what is sent."""
    body = gzip.compress(json.dumps(record()).encode())
    answer = client.post(path, content=body, headers={"Content-Encoding": coding})

    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
