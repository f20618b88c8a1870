"""What the backend's tests stand on: records, a SQLite store, and real servers of their own."""

from __future__ import annotations

import copy
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import create_engine, text

from backend.application import create_app
from backend.connection import Connection
from backend.settings import Settings
from backend.store import Store

Record = Callable[..., dict[str, Any]]
Serving = Callable[[Settings], AbstractContextManager[httpx.Client]]
Start = Callable[..., "subprocess.Popen[bytes]"]
ROOT = Path(__file__).parents[2]

_LAYER = {
    "index": 0,
    "diff_id": "sha256:aa",
    "instruction": "COPY . .",
    "in_base": False,
    "shipped_bytes": 100,
    "file_count": 3,
}
_IMAGE = {
    "variant": "multi",
    "reference": "backend:multi",
    "source": "docker",
    "id": "sha256:01",
    "platform": "linux/amd64",
    "shipped_bytes": 100,
    "file_count": 3,
    "base": None,
    "layers": [_LAYER],
}
_RECORD: dict[str, Any] = {
    "format": 1,
    "recorded_at": "2026-11-23T10:00:00Z",
    "commit": "c0ffee",
    "dirty": False,
    "engine": None,
    "images": [_IMAGE],
}


@pytest.fixture(scope="session")
def record() -> Record:
    """Return a maker of records: fields of the whole by name, `image` for fields of its one image."""

    def make(*, image: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        made = copy.deepcopy(_RECORD) | fields
        if image:
            made["images"][0] |= image
        return made

    return make


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings that name a SQLite file of our own and a port where no Redis is."""
    return Settings(database_url=f"sqlite:///{tmp_path}/reports.db", redis_url=f"redis://127.0.0.1:{free_port()}/0")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """Yield an empty SQLite store."""
    store = Store(settings.database_url)
    yield store
    store.close()


@pytest.fixture(scope="session")
def serving() -> Serving:
    """Return a context manager that serves an application by a real uvicorn and yields a client of it."""
    return _serving


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Redis server and yield its URL."""
    port = free_port()
    with run_redis(port, tmp_path_factory.mktemp("redis")):
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="session")
def running_redis() -> Callable[[int, Path], AbstractContextManager[None]]:
    """Return `run_redis`, for tests that stop it themselves."""
    return run_redis


@contextmanager
def run_redis(port: int, folder: Path) -> Iterator[None]:
    """Run a Redis server that keeps its data in a folder, as compose.yaml has it."""
    program = shutil.which("redis-server") or pytest.skip("redis-server is not installed")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for_port(port)
            yield
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Start a PostgreSQL server and yield its URL. It refuses to run as root, so root runs it as `postgres`."""
    programs: list[Path] = sorted(Path("/usr/lib/postgresql").glob("*/bin")) or pytest.skip(
        "PostgreSQL is not installed"
    )
    prefix: list[str | Path] = []
    with tempfile.TemporaryDirectory(prefix="weighbridge-postgres-", ignore_cleanup_errors=True) as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
            prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        data, port = Path(folder, "data"), free_port()
        make: list[str | Path] = [
            programs[-1] / "initdb",
            "--pgdata",
            data,
            "--auth=trust",
            "--username=tester",
            "--no-sync",
        ]
        subprocess.run([*prefix, *make, "--locale=C.UTF-8"], check=True, cwd=folder, stdout=subprocess.DEVNULL)
        options = ["-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        command: list[str | Path] = [*prefix, programs[-1] / "postgres", "-D", data, *options]
        with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL) as server:
            try:
                wait_for_port(port)
                yield f"postgresql://tester@127.0.0.1:{port}/postgres"
            finally:
                server.terminate()
                server.wait(10)


@pytest.fixture
def new_postgres_database(postgres_url: str) -> Iterator[Callable[[], str]]:
    """Return a maker of empty databases on the server, which yields their URLs; they are dropped at the end."""
    made: list[str] = []
    server = create_engine(postgres_url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")

    def make() -> str:
        name = f"test_{secrets.token_hex(6)}"
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        made.append(name)
        return f"{postgres_url.rpartition('/')[0]}/{name}"

    yield make
    with server.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a starter of Python programs of the environment; its log is `<name>.log` in `tmp_path`."""
    with ExitStack() as stack:

        def run(name: str, *command: str, env: dict[str, str], own_group: bool = False) -> subprocess.Popen[bytes]:
            log = stack.enter_context((tmp_path / f"{name}.log").open("wb"))
            errors = stack.enter_context((tmp_path / f"{name}.err").open("wb"))
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", *command],
                    cwd=ROOT,
                    env=os.environ | env,
                    stdout=log,
                    stderr=errors,
                    start_new_session=own_group,
                )
            )
            stack.callback(_stop, process)
            return process

        yield run


@pytest.fixture(scope="session")
def free_port_of() -> Callable[[], int]:
    """Return `free_port`, for tests that start a server themselves."""
    return free_port


@pytest.fixture(scope="session")
def wait_for() -> Callable[[int], None]:
    """Return `wait_for_port`, likewise."""
    return wait_for_port


@contextmanager
def _serving(settings: Settings) -> Iterator[httpx.Client]:
    port = free_port()
    app = create_app(settings)
    config = uvicorn.Config(app, port=port, http=Connection, ws="none", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for_port(port)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def free_port() -> int:
    """Return a port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int) -> None:
    """Wait until something accepts connections."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(f"nothing listens on port {port}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop gently, for a killed worker leaves its children behind; then surely."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
