"""The id of a request is in its answer, in every line that is logged meanwhile, and in what its job logs."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend import health, logs, request_ids, service
from backend.settings import Settings

WORKER = ("celery", "-A", "backend.worker", "worker", "--without-gossip", "--without-mingle")


@pytest.mark.parametrize("given", ["4bf92f3577b34da6", "build-7.2", "Root=1-67891233-abcdef012345678912345678"])
def test_a_sane_id_is_taken(serving: Any, settings: Settings, given: str) -> None:
    """Whoever asks finds the id of theirs in the answer, also in a refusal."""
    with serving(settings) as client:
        answers = [client.get(path, headers={"X-Request-ID": given}) for path in ("/livez", "/v1/reports/x", "/no")]

    assert {answer.headers["x-request-id"] for answer in answers} == {given}


@pytest.mark.parametrize("given", [None, "", "a b", 'x"y', "x" * 65, "é", "-rf", "a,b"])
def test_another_one_is_replaced(serving: Any, settings: Settings, given: str | None) -> None:
    """By one of ours, another for each request."""
    headers = {} if given is None else {"X-Request-ID": given.encode()}
    with serving(settings) as client:
        made = [client.get("/livez", headers=headers).headers["x-request-id"] for _ in range(2)]

    assert len({*made, given}) == 3
    assert all(request_ids.is_sane(each) for each in made)


def test_a_failure_of_ours_can_be_found(
    serving: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer 500 and the line with its traceback, which the server logs afterwards, have the same id."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    monkeypatch.delattr(service, "list_reports")
    logs.configure("INFO")
    try:
        with serving(settings) as client:
            answer = client.get("/v1/reports", headers={"X-Request-ID": "mine"})
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(capture=False)
    failed = [line for line in map(json.loads, capsys.readouterr().out.splitlines()) if "exception" in line]

    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "mine")
    assert [line["request_id"] for line in failed] == ["mine"]


@pytest.mark.services
def test_an_id_follows_into_the_job(
    redis_url: str, start: Any, record: Any, free_port_of: Callable[[], int], tmp_path: Path
) -> None:
    """The access line of the API has the id and the seconds; the worker's line about the comparison has the id."""
    port, database = free_port_of(), f"sqlite:///{tmp_path}/w.db"
    env = {"REDIS_URL": redis_url, "DATABASE_URL": database, "HEARTBEAT_PATH": f"{tmp_path}/beat"}
    start("api", "uvicorn", "backend.main:app", "--port", str(port), env=env)
    start("worker", *WORKER, env=env)
    deadline = time.monotonic() + 30
    while not health.check_api(str(port))[0]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        ids = [client.post("/v1/reports", json=record(commit=name)).json()["id"] for name in ("a", "b")]
        pair = {"before": ids[0], "after": ids[1]}
        location = client.post("/v1/comparisons", json=pair, headers={"X-Request-ID": "follow.me"}).headers["location"]
        while client.get(location).json()["status"] != "done":
            assert time.monotonic() < deadline
            time.sleep(0.05)

    told = {name: _lines(tmp_path / f"{name}.log") for name in ("api", "worker")}
    asked = [line for line in told["api"] if line.get("request_id") == "follow.me"]
    assert [(line["method"], line["path"], line["status"]) for line in asked] == [("POST", "/v1/comparisons", 202)]
    assert 0 < asked[0]["seconds"] < 10
    done = [line for line in told["worker"] if line["message"] == "comparison done"]
    assert [line["request_id"] for line in done] == ["follow.me"]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
