"""Every answer says that nobody may keep it or guess its type, and none sends a client to another host."""

from __future__ import annotations

from typing import Any

import pytest

from backend import service
from backend.settings import Settings


def test_every_answer_has_the_headers(serving: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of success, of refusals, of the framework, and of a failure of our own."""
    with serving(settings) as client:
        answers = [
            client.get("/livez"),
            client.get("/readyz"),
            client.get("/v1/reports"),
            client.get("/openapi.json"),
            client.get("/v1/reports/x"),
            client.get("/nothing"),
            client.delete("/v1/reports"),
            client.post("/v1/reports", content=b"x"),
        ]
        monkeypatch.delattr(service, "list_reports")
        answers.append(client.get("/v1/reports"))

    assert [answer.status_code for answer in answers] == [200, 503, 200, 200, 404, 404, 405, 422, 500]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    assert {answer.headers["x-content-type-options"] for answer in answers} == {"nosniff"}


@pytest.mark.parametrize("path", ["/v1/reports/", "/livez/", "//evil.example/v1/reports/", "/openapi.json/"])
def test_a_foreign_host_leads_nowhere(serving: Any, settings: Settings, path: str) -> None:
    """A path with one slash too many is none of ours, so the request's Host ends up in no Location."""
    with serving(settings) as client:
        answer = client.get(f"{client.base_url}".rstrip("/") + path, headers={"Host": "evil.example"})

    assert answer.status_code == 404
    assert "evil.example" not in f"{answer.headers}{answer.text}"


def test_the_location_of_a_report_names_no_host(serving: Any, settings: Settings, record: Any) -> None:
    """Whatever host the client says that we are."""
    with serving(settings) as client:
        answer = client.post("/v1/reports", json=record(), headers={"Host": "evil.example"})

    assert answer.status_code == 201
    assert answer.headers["location"].startswith("/v1/reports/")
