"""Who may do what, over a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from backend.settings import Settings

READER, WRITER = {"Authorization": "Bearer reader"}, {"Authorization": "Bearer writer"}
UNKNOWN = "0" * 64
READS = ["/v1/reports", f"/v1/reports/{UNKNOWN}", f"/v1/comparisons/{UNKNOWN}"]


@pytest.fixture
def guarded(settings: Settings) -> Settings:
    """Return settings with a token for readers and one for writers, where reads need one."""
    tokens = {"read_tokens": SecretStr("reader"), "write_tokens": SecretStr("writer"), "reads_need_token": True}
    return settings.model_copy(update=tokens)


@pytest.fixture
def client(serving: Any, guarded: Settings) -> Iterator[httpx.Client]:
    """Yield a client of such a service."""
    with serving(guarded) as client:
        yield client


def test_reads_can_need_a_token(client: httpx.Client) -> None:
    """Then no report is shown without one; probes and the description are."""
    refused = [client.get(path) for path in READS]
    found = [client.get(path, headers=headers).status_code for headers in (READER, WRITER) for path in READS]
    free = [client.get(path).status_code for path in ("/livez", "/readyz", "/version", "/openapi.json")]

    assert {(answer.status_code, answer.headers["www-authenticate"]) for answer in refused} == {(401, "Bearer")}
    assert found == [200, 404, 404] * 2
    assert free == [200, 503, 200, 200]


def test_a_token_that_reads_does_not_write(client: httpx.Client, record: Any) -> None:
    """403 says what it lacks, before the body is looked at."""
    refused = client.post("/v1/reports", content=b"no JSON", headers=READER)

    assert (refused.status_code, refused.json()["detail"]) == (403, "This token may not write")
    assert refused.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="write"'
    assert client.post("/v1/reports", json=record(), headers=WRITER).status_code == 201


def test_wrong_tokens_are_slowed(client: httpx.Client) -> None:
    """After ten of them the address has to wait, whatever it sends; who sends none is only told to."""
    wrong = [client.get("/v1/reports", headers={"Authorization": f"Bearer {n}"}).status_code for n in range(12)]
    right = client.get("/v1/reports", headers=READER)
    without = client.get("/v1/reports")

    assert wrong == [401] * 10 + [429] * 2
    assert (right.status_code, 1 <= int(right.headers["retry-after"]) <= 3) == (429, True)
    assert without.status_code == 401


def test_requests_without_a_token_do_not_slow_anybody(client: httpx.Client) -> None:
    """A monitor that was never given one is no attacker."""
    assert {client.get("/v1/reports").status_code for _ in range(20)} == {401}
    assert client.get("/v1/reports", headers=READER).status_code == 200


def test_reads_are_open_unless_they_need_a_token(serving: Any, guarded: Settings, record: Any) -> None:
    """A token for reading alone closes no read, but it closes every write."""
    chosen = guarded.model_copy(update={"reads_need_token": False, "write_tokens": None})
    with serving(chosen) as client:
        assert client.get("/v1/reports").status_code == 200
        assert client.post("/v1/reports", json=record()).status_code == 401
        assert client.post("/v1/reports", json=record(), headers=READER).status_code == 403
