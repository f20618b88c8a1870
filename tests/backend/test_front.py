"""The front answers `/livez` before there is an application, lets others wait, and ends the process without one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp

from backend.application import create_app
from backend.connection import Connection
from backend.front import Front
from backend.settings import Settings

ROOT = Path(__file__).parents[2]
WITHOUT_A_MODULE = """
def load():
    import backend.nothing
"""
WITHOUT_A_DISK = """
from contextlib import asynccontextmanager
from starlette.applications import Starlette

@asynccontextmanager
async def fail(app):
    raise ValueError("no disk")
    yield

def load():
    return Starlette(lifespan=fail)
"""
CANNOT_START = [(WITHOUT_A_MODULE, "No module named 'backend.nothing'"), (WITHOUT_A_DISK, "ValueError: no disk")]


@contextmanager
def _serve(load: Callable[[], ASGIApp], port: int) -> Iterator[httpx.Client]:
    """Serve a front by a real uvicorn as the image does, and yield a client of it."""
    config = uvicorn.Config(Front(load), port=port, http=Connection, ws="none", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=10, transport=httpx.HTTPTransport(retries=5)
        ) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def test_livez_answers_before_the_application_is_there(settings: Settings, free_port_of: Any) -> None:
    """With the same headers and body as later, for GET and HEAD; what else is asked waits for the application."""
    may_load = threading.Event()

    def load() -> ASGIApp:
        assert may_load.wait(10)
        return create_app(settings)

    with _serve(load, free_port_of()) as client, ThreadPoolExecutor(3) as threads:
        early = [client.get("/livez", headers={"X-Request-ID": "x"}), client.head("/livez")]
        waiting = [threads.submit(client.get, path) for path in ("/readyz", "/v1/reports")]
        waiting.append(threads.submit(client.post, "/livez"))
        time.sleep(0.3)
        were_done = [each.done() for each in waiting]
        may_load.set()
        late = [each.result().status_code for each in waiting]
        same = [client.get("/livez", headers={"X-Request-ID": "x"}), client.head("/livez")]

    assert were_done == [False] * 3
    assert late == [503, 200, 405]  # there is no Redis
    for before, after in zip(early, same, strict=True):
        assert (before.status_code, before.content) == (200, after.content)
        assert before.headers.keys() == after.headers.keys()
        changing = {"date", "x-request-id"}
        assert {*before.headers.items()} - {*after.headers.items()} <= {(key, before.headers[key]) for key in changing}
    assert early[0].headers["x-request-id"] == "x"


def test_a_stop_while_loading_is_in_order(settings: Settings, free_port_of: Any) -> None:
    """Who waits still gets the answer: the application is loaded, started and ended."""
    port, may_load = free_port_of(), threading.Event()

    def load() -> ASGIApp:
        assert may_load.wait(10)
        return create_app(settings)

    with ThreadPoolExecutor(1) as threads:
        with _serve(load, port) as client:
            assert client.get("/livez").status_code == 200
            answer = threads.submit(httpx.get, f"http://127.0.0.1:{port}/v1/reports", timeout=10)
            time.sleep(0.3)
            threading.Timer(0.5, may_load.set).start()  # when the server has been told to end
        assert answer.result().json() == {"items": [], "next": None}


@pytest.mark.services  # processes of their own
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize(("source", "why"), CANNOT_START, ids=["import", "lifespan"])
def test_an_application_that_cannot_start_ends_the_process(
    source: str, why: str, loop: str, free_port_of: Any, tmp_path: Path
) -> None:
    """With status 1 and its traceback, whatever the loop; nobody keeps a process that only says that it is alive."""
    (tmp_path / "broken.py").write_text(f"{source}\nfrom backend.front import Front\napp = Front(load)\n")
    command = [sys.executable, "-m", "uvicorn", "broken:app", "--loop", loop, "--port", str(free_port_of())]
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=20, check=False
    )

    assert ended.returncode == 1
    assert "Traceback (most recent call last)" in ended.stderr
    assert why in ended.stderr
    assert "was never retrieved" not in ended.stderr
