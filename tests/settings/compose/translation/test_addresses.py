"""Where an API listens and what it answers, by its command, its ports and its health check."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from weighbridge.model.recipe import NOTHING
from weighbridge.settings.compose.project import ComposeService
from weighbridge.settings.compose.translation.addresses import find_path, find_port, is_named
from weighbridge.settings.compose.translation.starts import read_start


def find(line: str, health: list[str] | None = None, **keys: Any) -> int | None:
    """Return the port of a service with this command."""
    service = ComposeService(name="api", command=tuple(shlex.split(line)), **keys)
    return find_port(service, read_start(service, None, NOTHING), health or [])


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("uvicorn a:a --port 81", 81),
        ("uvicorn a:a --port=82", 82),
        ("gunicorn a:a -b 0.0.0.0:83", 83),
        ("gunicorn a:a -b:84 -p /run/pid", 84),
        ("hypercorn a:a --bind '[::]:85'", 85),
        ("granian a:a --port 86", 86),
        ("fastapi run a.py -p 87", 87),
        ("sh -c 'alembic upgrade head && uvicorn a:a --port ${PORT:-88}'", 88),
        ("sh -c 'uvicorn a:a --port $HTTP'", 89),
        ("redis-server --port 90", None),
        ("uvicorn a:a --port 0", None),
        ("uvicorn a:a --port 99999", None),
        ("gunicorn a:a -b unix:/run/a.sock", None),
        ("uvicorn a:a --port", None),
    ],
)
def test_ports_in_commands(line: str, port: int | None) -> None:
    """The port that the command names is taken, whatever the service publishes."""
    assert find(line, environment={"HTTP": "89"}) == port
    assert find(line, environment={"HTTP": "89"}, ports=(1, 2)) == (port or 1)


def test_ports_elsewhere() -> None:
    """Without one in the command, those that are published or exposed count, then that of the health check."""
    assert find("uvicorn a:a", environment={"UVICORN_PORT": "9"}, ports=(1,)) == 9
    assert find("serve", ports=(), expose=(3,)) == 3
    assert find("uvicorn a:a", ports=(5678, 8000)) == 8000
    assert find("serve", ports=(5678, 8000)) == 5678
    assert find("serve", ["curl", "http://localhost:4/x"]) == 4
    assert find("serve", ["curl", "http://localhost/x"]) is None


def test_known_servers() -> None:
    """A server whose own port is known need not name it."""
    assert is_named(read_start(ComposeService(name="a", command=("uvicorn",)), None, NOTHING))
    assert not is_named(read_start(ComposeService(name="a", command=("serve",)), None, NOTHING))


@pytest.mark.parametrize(
    ("health", "path"),
    [
        (["curl", "-f", "http://localhost:8000/health"], "/health"),
        (["curl", "http://127.0.0.1:8000/a/?deep=1&x=2"], "/a/?deep=1&x=2"),
        (["curl", "http://[::1]:8000"], "/"),
        (["/bin/sh", "-c", "curl -fs http://localhost/ || exit 1"], "/"),
        (["/bin/sh", "-c", "wget -qO- http://localhost:80/x;exit 1"], "/x"),
        (["python", "-c", "import requests; requests.get('https://localhost/up')"], "/up"),
        (["/bin/sh", "-c", 'curl "http://localhost:8000/q"'], "/q"),
        (["/bin/sh", "-c", "curl http://localhost:$PORT/x"], None),
        (["celery", "inspect", "ping"], None),
        ([], None),
    ],
)
def test_paths(health: list[str], path: str | None) -> None:
    """The path is that of the URL in the health check."""
    assert find_path(health) == path
