"""If an engine is missing: what we install and start, and what the error says if we may not.

Whether this machine is a Debian, and we are root, is replaced by the test: those are facts, not behaviour.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from weighbridge.engine import apt, provision
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.errors import NoBuilder, NoEngine

pytestmark = [
    pytest.mark.usefixtures("dead_engines"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    # An engine is meant to outlive us.
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Simulate a machine without an engine and without programs, whose user is not root."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_RUNTIME_DIR", "PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr("weighbridge.engine.endpoint._MACHINES_OWN", "unix:///nowhere/docker.sock")
    monkeypatch.setattr("os.getuid", lambda: 1000)
    monkeypatch.setattr(apt, "has_apt", lambda: True)
    monkeypatch.setattr(apt, "run", never)
    monkeypatch.setattr(provision, "_SYSTEMD", tmp_path / "no systemd")
    monkeypatch.setattr(provision, "_LOG", tmp_path / "dockerd.log")


def never(*_: object) -> None:
    """Fail, because nothing may be installed or started."""
    pytest.fail("something was installed or started")


def refused() -> NoEngine:
    """Return the error."""
    with pytest.raises(NoEngine) as caught:
        provision.ensure_engine(lambda _: None)
    assert caught.value.exit_code == 4
    return caught.value


@pytest.mark.parametrize("user", [0, 1000])
def test_named_engine_is_the_users_affair(monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    """If DOCKER_HOST names a dead engine, nothing is installed, even by root; the advice says how to undo it."""
    monkeypatch.setattr("os.getuid", lambda: user)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nope.sock")
    assert str(refused()) == (
        "No engine answers at unix:///nope.sock: No such file or directory. "
        "Start that engine, or unset DOCKER_HOST to use this machine's own."
    )


def test_named_context_is_the_users_affair(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same holds for a context, named by a variable or by the client's configuration."""
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setenv("DOCKER_CONTEXT", "nope")
    assert "no Docker context nope" in str(refused())
    monkeypatch.delenv("DOCKER_CONTEXT")
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text('{"currentContext": "gone"}')
    assert "no Docker context gone" in str(refused())


def test_engine_of_another_group_is_the_users_affair(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the user may not use the engine, none is installed, and the advice is to join the group."""

    def refuse() -> None:
        raise NoEngine("No engine answers", advice="Join the group.") from PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr(provision, "connect", refuse)
    assert str(refused()) == "No engine answers. Join the group."


def test_not_root_on_debian() -> None:
    """The advice has the commands to type."""
    assert str(refused()) == (
        "No engine answers at unix:///nowhere/docker.sock: No such file or directory. "
        "Type `sudo apt-get install docker.io && sudo systemctl start docker`, or run `invoke engine` as root."
    )


@pytest.mark.parametrize("user", [0, 1000])
def test_other_distribution(monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    """Without apt, nothing is installed, and the advice says what to install."""
    monkeypatch.setattr("os.getuid", lambda: user)
    monkeypatch.setattr(apt, "has_apt", lambda: False)
    assert refused().advice.startswith("Install Docker Engine or Docker Desktop")


def program(folder: Path, name: str, script: str = "") -> None:
    """Put a program on PATH."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize("installed", [True, False])
def test_root_installs_and_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, installed: bool) -> None:
    """For root, the distribution's engine is installed if it is missing, and started in any case."""
    done: list[str] = []
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr(apt, "install", lambda packages, *_: done.extend(packages))
    monkeypatch.setattr(provision, "_start", lambda _: done.append("start"))
    if installed:
        program(tmp_path, "dockerd")
    provision.ensure_engine(lambda _: None)
    packages = ["docker.io", "docker-cli", "docker-buildx", "iptables", "ca-certificates"]
    assert done == ([] if installed else packages) + ["start"]


def test_root_starts_an_installed_engine_without_apt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An installed engine can be started without apt."""
    done: list[str] = []
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr(apt, "has_apt", lambda: False)
    monkeypatch.setattr(provision, "_start", lambda _: done.append("start"))
    program(tmp_path, "dockerd")
    provision.ensure_engine(lambda _: None)
    assert done == ["start"]


@pytest.fixture
def fake_dockerd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Return where to put a `dockerd` that root may start; the process whose id it writes to `pid` is killed."""
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr(provision, "_POLL_SECONDS", 0.02)
    (tmp_path / "dockerd.log").write_text("of another day\n")
    yield tmp_path
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_engine_that_dies_at_once(fake_dockerd: Path) -> None:
    """If the engine ends, we stop waiting at once; the last lines that this run logged are the detail."""
    program(fake_dockerd, "dockerd", 'i=0; while [ $i -lt 30 ]; do i=$((i + 1)); echo "line $i" >&2; done; exit 3')
    began = time.monotonic()
    error = refused()
    assert time.monotonic() - began < 5
    assert str(error) == (
        "The engine was started and ended with exit code 3. "
        f"Fix what its log says ({fake_dockerd}/dockerd.log) and run `invoke engine` again."
    )
    assert error.detail.splitlines() == [f"line {number}" for number in range(11, 31)]


def test_engine_that_never_answers(monkeypatch: pytest.MonkeyPatch, fake_dockerd: Path) -> None:
    """If the engine does not answer in time, we give up; what it logged in this run is the detail."""

    def connect() -> None:
        while not (fake_dockerd / "pid").exists():
            time.sleep(0.01)
        raise NoEngine("No engine answers")

    monkeypatch.setattr(provision, "connect", connect)
    monkeypatch.setattr(provision, "_START_SECONDS", 0)
    program(fake_dockerd, "dockerd", f'echo loading; echo $$ >"{fake_dockerd}/pid"; exec /bin/sleep 60')
    with pytest.raises(NoEngine, match=r"^The engine was started and does not answer after 0 s[.] Fix") as caught:
        provision._start(lambda _: None)
    assert caught.value.detail == "loading"


def test_engine_that_answers_later(monkeypatch: pytest.MonkeyPatch, fake_dockerd: Path) -> None:
    """We ask until the engine answers."""
    faults = [NoEngine("not yet"), NoEngine("not yet")]

    def connect() -> str:
        if faults:
            raise faults.pop()
        return "the engine"

    monkeypatch.setattr(provision, "connect", connect)
    program(fake_dockerd, "dockerd", f'echo $$ >"{fake_dockerd}/pid"; exec /bin/sleep 60')
    said: list[str] = []
    assert str(provision.ensure_engine(said.append)) == "the engine"
    assert said == ["Starting the container engine"]


def test_service_manager_starts_the_engine(monkeypatch: pytest.MonkeyPatch, fake_dockerd: Path) -> None:
    """With systemd, systemd starts the engine, and the advice names its journal."""
    ran: list[Sequence[str]] = []
    program(fake_dockerd, "dockerd", "exit 3")
    monkeypatch.setattr(provision, "_SYSTEMD", fake_dockerd)
    monkeypatch.setattr(provision, "_START_SECONDS", 0)
    monkeypatch.setattr(apt, "run", ran.append)
    error = refused()
    assert ran == [["systemctl", "start", "docker"]]
    assert str(error).endswith("does not answer after 0 s. `journalctl -u docker` says why.")


OLD_CLIENT = 'if [ "$1" = buildx ]; then exit 1; fi; echo 28.0.0'
NEW_CLIENT = 'if [ "$1" = buildx ]; then echo github.com/docker/buildx 0.13.1; else echo 28.0.0; fi'


@pytest.mark.parametrize(
    ("before", "packages"), [(None, ["docker-cli", "docker-buildx"]), (OLD_CLIENT, ["docker-buildx"])]
)
def test_root_gets_a_client(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: str | None, packages: list[str]
) -> None:
    """For root on Debian, only the missing part of a client is installed, never a package that conflicts with it."""
    asked: list[str] = []

    def install(names: Sequence[str], *_: object) -> None:
        asked.extend(names)
        program(tmp_path, "docker", NEW_CLIENT)

    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr(apt, "install", install)
    if before:
        program(tmp_path, "docker", before)
    client = BuildClient(path=tmp_path / "docker", version="28.0.0", buildx="0.13.1")
    assert provision.ensure_client(lambda _: None) == client
    assert asked == packages
    assert provision.ensure_client(lambda _: None) == client
    assert asked == packages


@pytest.mark.parametrize(("user", "debian"), [(1000, True), (0, False)])
def test_client_is_the_users_affair(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: int, *, debian: bool
) -> None:
    """On other systems nothing is installed, and the error says what was found."""
    monkeypatch.setattr("os.getuid", lambda: user)
    monkeypatch.setattr(apt, "has_apt", lambda: debian)
    program(tmp_path, "docker", OLD_CLIENT)
    with pytest.raises(NoBuilder, match=rf"found: {tmp_path}/docker 28[.]0[.]0"):
        provision.ensure_client(lambda _: None)
