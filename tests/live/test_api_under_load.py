"""The API within the memory that compose.yaml grants, while clients take all that the documentation allows."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http import HTTPStatus
from http.client import HTTPConnection
from threading import Barrier
from typing import Any

import httpx
import pytest

from tests.live.limited import Limited, build_image, run_role
from weighbridge.build import bases
from weighbridge.engine import docker_cli
from weighbridge.engine.client import DockerEngine

pytestmark = [pytest.mark.engine, pytest.mark.slow]

PORT = 8000
READERS = 30
CONNECTIONS = 320
RECORD: dict[str, Any] = {
    "format": 1,
    "recorded_at": "2026-01-01T00:00:00Z",
    "commit": "load",
    "dirty": False,
    "engine": None,
    "images": [],
}
IMAGE: dict[str, Any] = {
    "variant": "",
    "reference": "load:multi",
    "source": "docker",
    "id": "sha256:01",
    "platform": "linux/amd64",
    "shipped_bytes": 100,
    "file_count": 3,
    "base": None,
    "layers": [],
}
LARGE = json.dumps(RECORD | {"unknown": "x" * 9_900_000}).encode()
OBJECTS = json.dumps(RECORD | {"unknown": "@"}).encode().replace(b'"@"', b"[" + b"{}," * 499_000 + b"{}]")
KEYS = json.dumps(
    RECORD | {"unknown": {f"{key:06x}": key % 10 for key in range(830_000)}}, separators=(",", ":")
).encode()
DEEP = b",".join([b'{"a":' * 180 + b"0" + b"}" * 180] * 5400)
NESTED = json.dumps(RECORD | {"unknown": ["@"]}).encode().replace(b'"@"', DEEP)
UPLOAD = f"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: {len(LARGE)}\r\n\r\n".encode() + LARGE[:9_000_000]
SMALL = (
    b"POST /v1/reports HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99000\r\n\r\n"
    + b" " * 98_000
)
LIST = b"GET /v1/reports?limit=100 HTTP/1.1\r\nHost: x\r\n\r\n"
ON_LINUX_HERE = "the test reaches the container's own address, so the engine must be on this machine"


@pytest.fixture
def api(engine: DockerEngine, client: docker_cli.BuildClient, python_base: bases.BaseImage) -> Iterator[Limited]:
    """Run the API as compose.yaml does, without Redis."""
    options = ["--volume", "/data", "--env", "REDIS_URL=redis://127.0.0.1:1/0"]
    with (
        build_image(engine, client, python_base, "api") as image,
        run_role(engine, client, image, "backend", options) as api,
    ):
        yield api


def test_nothing_that_clients_do_kills_the_api(api: Limited) -> None:
    """A hundred readers that do not read, slow uploads and the costliest records at once: it lives, and goes on."""
    address = _find_address(api)
    with ExitStack() as stack:
        web = stack.enter_context(httpx.Client(base_url=f"http://{address}:{PORT}", timeout=60, trust_env=False))
        _wait(web)
        location = web.post("/v1/reports", content=LARGE).headers["location"]
        get = f"GET {location} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        for request in [get] * 100 + [UPLOAD] * 8:
            _send(stack, address, request)
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda body: _post(web, body), [KEYS, NESTED, OBJECTS, KEYS]))
        time.sleep(12)  # the clients that do not read are sent away
        later = web.get(location)

    assert set(answers) <= {200, 201, 503}
    assert later.content == json.dumps(json.loads(LARGE), sort_keys=True, separators=(",", ":")).encode()
    assert api.find_fault() == ""


def test_many_slow_readers_at_once(api: Limited) -> None:
    """Thirty clients that read the largest record slowly, at the same time, all get it; none makes the API hold it."""
    address = _find_address(api)
    with httpx.Client(base_url=f"http://{address}:{PORT}", timeout=60, trust_env=False) as web:
        _wait(web)
        location = web.post("/v1/reports", content=LARGE).headers["location"]
        before = _measure_peak(api)
        together = Barrier(READERS)
        with ThreadPoolExecutor(READERS) as threads:
            read = list(threads.map(lambda _: _read_slowly(together, address, location), range(READERS)))
        after = _measure_peak(api)
    assert read == [len(LARGE) - LARGE.count(b": ") - LARGE.count(b", ")] * READERS
    assert after - before < READERS * 2 * 2**20, "of each it has two slices of 256 KiB, and what is on its way"


def test_all_connections_and_the_largest_lists_at_once(api: Limited) -> None:
    """As many connections as there may be, half of them with a body that stops, the others with the largest list."""
    address = _find_address(api)
    with ExitStack() as stack:
        web = stack.enter_context(httpx.Client(base_url=f"http://{address}:{PORT}", timeout=60, trust_env=False))
        _fill_list(web)
        for request in [LIST, SMALL] * (CONNECTIONS // 2):
            _send(stack, address, request)
        time.sleep(20)  # those that do not go on are sent away
        later = web.get("/v1/reports?limit=1")

    assert later.status_code == HTTPStatus.OK
    assert api.find_fault() == ""


def test_every_limit_at_once(api: Limited) -> None:
    """As many clients of each kind as there may be, the costliest records among them, which are stored."""
    address = _find_address(api)
    with ExitStack() as stack:
        web = stack.enter_context(httpx.Client(base_url=f"http://{address}:{PORT}", timeout=60, trust_env=False))
        _fill_list(web)
        location = web.post("/v1/reports", content=LARGE).headers["location"]
        get = f"GET {location} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        for request in [get] * 32 + [LIST] * 10 + [UPLOAD] * 2:
            _send(stack, address, request)
        with ThreadPoolExecutor(2) as threads:
            posted = [threads.submit(_post, web, body) for body in (KEYS, NESTED)]
            for request in [SMALL] * (CONNECTIONS - 50):
                _send(stack, address, request)
            answers = [each.result() for each in posted]

    assert answers == [HTTPStatus.CREATED] * 2
    assert api.find_fault() == ""


def test_a_kill_inside_is_seen(api: Limited) -> None:
    """What these tests rely on: the role goes on, but not everything fitted."""
    with pytest.raises(subprocess.CalledProcessError):
        api.run_python("b'x' * 10**9")

    assert api.find_fault() == "1 processes killed"


def _fill_list(web: httpx.Client) -> None:
    """Store so many reports with so many variants that a page of the list is the largest one."""
    _wait(web)
    images = [IMAGE | {"variant": f"{number:03}{'v' * 197}"} for number in range(100)]
    for number in range(100):
        web.post("/v1/reports", json=RECORD | {"commit": str(number), "images": images}).raise_for_status()
    assert len(web.get("/v1/reports?limit=100").content) > 2 * 10**6


def _find_address(api: Limited) -> str:
    return api.docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", api.name)


def _measure_peak(api: Limited) -> int:
    """Return the most bytes of memory that the API's process has had."""
    ask = "import pathlib, re; print(re.search('VmHWM:\\s+(\\d+)', pathlib.Path('/proc/1/status').read_text())[1])"
    return int(api.run_python(ask)) * 1024


def _read_slowly(together: Barrier, address: str, location: str) -> int:
    """Read an answer with pauses, all beginning at the same time; return how many bytes of it came."""
    link = HTTPConnection(address, PORT, timeout=60)
    link.connect()
    link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
    together.wait()
    link.request("GET", location)
    answer, found = link.getresponse(), 0
    while part := answer.read(2**18):
        found += len(part)
        time.sleep(0.1)
    link.close()
    return found if answer.status == HTTPStatus.OK else -answer.status


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
