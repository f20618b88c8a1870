"""The API within the memory that compose.yaml grants, while clients take all that the documentation allows."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from weighbridge.build import bases, buildkit
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PROJECT = Path(__file__).parents[2]
REFERENCE = "weighbridge-test-load:multi"
PORT = 8000
RECORD: dict[str, Any] = {
    "format": 1,
    "recorded_at": "2026-01-01T00:00:00Z",
    "commit": "load",
    "dirty": False,
    "engine": None,
    "images": [],
}
LARGE = json.dumps(RECORD | {"unknown": "x" * 9_900_000}).encode()
OBJECTS = json.dumps(RECORD | {"unknown": "@"}).encode().replace(b'"@"', b"[" + b"{}," * 499_000 + b"{}]")
KEYS = json.dumps(RECORD | {"unknown": {f"key {number:06}": [1, 2] for number in range(300_000)}}).encode()
ON_LINUX_HERE = "the test reaches the container's own address, so the engine must be on this machine"


@pytest.fixture
def container(engine: DockerEngine, client: docker_cli.BuildClient, python_base: bases.BaseImage) -> Iterator[str]:
    """Run the API as compose.yaml does, without Redis, and yield the container's name."""
    wanted = buildkit.Build(
        variant="multi",
        reference=REFERENCE,
        context=PROJECT,
        dockerfile=PROJECT / "Dockerfile",
        target="multi",
        arguments={"PYTHON_IMAGE": python_base.reference},
    )
    buildkit.build(client, engine, wanted)
    compose = yaml.safe_load((PROJECT / "compose.yaml").read_text(encoding="utf-8"))
    memory = compose["services"]["backend"]["mem_limit"]
    options = ["--memory", memory, "--memory-swap", memory, "--pids-limit", "128", "--read-only", "--cap-drop", "ALL"]
    options += ["--tmpfs=/tmp:mode=1777,size=64m", "--volume", "/data", "--env", "REDIS_URL=redis://127.0.0.1:1/0"]
    name = docker(client, engine, "run", "--detach", *options, REFERENCE).strip()
    try:
        yield name
    finally:
        docker(client, engine, "rm", "--force", "--volumes", name)
        engine.remove_image(REFERENCE)


def docker(client: docker_cli.BuildClient, engine: DockerEngine, *words: str) -> str:
    """Run the client on the engine and return what it prints."""
    environment = dict(client.build_environment(engine.host))
    done = subprocess.run([client.path, *words], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_nothing_that_clients_do_kills_the_api(
    container: str, client: docker_cli.BuildClient, engine: DockerEngine
) -> None:
    """A hundred readers that do not read, slow uploads and the costliest records at once: it lives, and goes on."""
    address = docker(client, engine, "inspect", "--format", "{{.NetworkSettings.IPAddress}}", container).strip()
    with ExitStack() as stack:
        web = stack.enter_context(httpx.Client(base_url=f"http://{address}:{PORT}", timeout=60, trust_env=False))
        _wait(web)
        location = web.post("/v1/reports", content=LARGE).headers["location"]
        get = f"GET {location} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        post = (
            f"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: {len(LARGE)}\r\n\r\n".encode() + LARGE[:9_000_000]
        )
        for request in [get] * 100 + [post] * 8:
            _send(stack, address, request)
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda body: _post(web, body), [OBJECTS, KEYS] * 2))
        time.sleep(12)  # the clients that do not read are sent away
        later = web.get(location)
    state = json.loads(docker(client, engine, "inspect", "--format", "{{json .State}}", container))

    assert set(answers) <= {200, 201, 503}
    assert later.content == json.dumps(json.loads(LARGE), sort_keys=True, separators=(",", ":")).encode()
    assert (state["Status"], state["OOMKilled"]) == ("running", False)


def _wait(web: httpx.Client) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if web.get("/livez").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(f"the API does not answer; {ON_LINUX_HERE}")


def _send(stack: ExitStack, address: str, request: bytes) -> None:
    """Send a request, or as much of it as is taken, on a connection that nobody reads from."""
    link = stack.enter_context(socket.create_connection((address, PORT), 10))
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.settimeout(0.5)
    try:
        link.sendall(request)
    except OSError:
        return


def _post(web: httpx.Client, body: bytes) -> int:
    return web.post("/v1/reports", content=body).status_code
