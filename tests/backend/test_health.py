"""The health check tells its role, and tells health from sickness, without any library."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backend import health


@contextmanager
def _answering(answer: bytes) -> Iterator[str]:
    """Serve one connection with a fixed answer and yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield str(server.getsockname()[1])
        thread.join()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (b"/venv/bin/python\0/venv/bin/celery\0-A\0backend.worker\0worker\0", True),
        (b"/sbin/docker-init\0--\0celery\0-A\0backend.worker\0worker\0", True),
        (b"python\0-m\0celery\0", True),
        (b"sh\0-c\0exec celery -A backend.worker worker\0", True),
        (b"/venv/bin/python\0/venv/bin/uvicorn\0backend.main:app\0", False),
        (b"", False),
    ],
)
def test_the_role_follows_from_the_command_line(command: bytes, *, expected: bool) -> None:
    """Celery is the worker, with or without an init before it; all else is the API."""
    assert expected == health.is_worker(command)


def test_a_fresh_heartbeat_is_health_and_an_old_or_missing_one_is_not(tmp_path: Path) -> None:
    """The age of the file decides."""
    beat = tmp_path / "beat"
    missing = health.check_worker(str(beat))
    beat.touch()
    fresh = health.check_worker(str(beat))
    os.utime(beat, (time.time() - 31, time.time() - 31))
    stale = health.check_worker(str(beat))

    assert (missing[0], fresh[0], stale[0]) == (False, True, False)
    assert ("No such file" in missing[1], "31 s ago" in stale[1]) == (True, True)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", (True, "api: /livez answered 200")),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", (False, "api: /livez answered 503")),
        (b"", (False, "api: /livez answered nothing")),
    ],
)
def test_only_200_is_health(answer: bytes, expected: tuple[bool, str]) -> None:
    """Whatever else answers on the port is not our healthy API."""
    with _answering(answer) as port:
        assert expected == health.check_api(port)


def test_as_a_script_it_needs_no_library_and_says_one_line(free_port_of: Callable[[], int]) -> None:
    """Isolated and without site-packages, as the image may run it; status and line agree."""
    with _answering(b"HTTP/1.1 200 OK\r\n\r\n") as port:
        healthy = _run(port)
    sick = _run(str(free_port_of()))
    silly = _run("x")

    assert (healthy.returncode, healthy.stdout) == (0, "api: /livez answered 200\n")
    assert (sick.returncode, sick.stdout.count("\n"), sick.stderr) == (1, 1, "")
    assert (silly.returncode, silly.stdout.count("\n"), silly.stderr) == (1, 1, "")


def _run(port: str) -> subprocess.CompletedProcess[str]:
    program = f"import runpy, sys; sys.exit(runpy.run_path({health.__file__!r})['main']({port!r}))"
    script = [sys.executable, "-I", "-S", "-c", program]
    return subprocess.run(script, env={"PORT": "1"}, capture_output=True, text=True, check=False)


def test_it_asks_where_the_image_listens() -> None:
    """The port is that of the Dockerfile's command, and no variable moves one without the other."""
    dockerfile = Path(health.__file__).parents[1] / "Dockerfile"

    assert dockerfile.read_text(encoding="utf-8").count(f'"--port", "{health.PORT}"') == 3
