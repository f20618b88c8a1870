"""Where an engine is missing: what is ours to do, and what is said where it is not.

Whether this machine is a Debian, and we are root, is replaced by the test: those are facts, not behaviour.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge import distribution, provision
from weighbridge.errors import EngineError, NoEngine

pytestmark = [
    pytest.mark.usefixtures("dead_engines"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give a machine without engine and without programs, its user nobody special."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_RUNTIME_DIR", "PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr("weighbridge.places._MACHINES_OWN", "unix:///nowhere/docker.sock")
    monkeypatch.setattr("os.getuid", lambda: 1000)
    monkeypatch.setattr(distribution, "has_apt", lambda: True)
    monkeypatch.setattr(distribution, "run", never)
    monkeypatch.setattr(provision, "_start", never)


def never(*_: object) -> None:
    """Fail: nothing may be installed or started."""
    pytest.fail("something was installed or started")


def refused() -> NoEngine:
    """Return the refusal."""
    with pytest.raises(NoEngine) as caught:
        provision.ensure_engine(lambda _: None)
    assert caught.value.exit_code == 4
    return caught.value


@pytest.mark.parametrize("user", [0, 1000])
def test_named_engine_is_the_users_affair(monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    """Where DOCKER_HOST names a dead engine nothing is installed, not even for root; the way back is told."""
    monkeypatch.setattr("os.getuid", lambda: user)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nope.sock")
    assert str(refused()) == (
        "No engine answers at unix:///nope.sock: No such file or directory. "
        "Start that engine, or unset DOCKER_HOST to use this machine's own."
    )


def test_named_context_is_the_users_affair(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So it is with a context, by variable or by the client's configuration."""
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setenv("DOCKER_CONTEXT", "nope")
    assert "no Docker context nope" in str(refused())
    monkeypatch.delenv("DOCKER_CONTEXT")
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text('{"currentContext": "gone"}')
    assert "no Docker context gone" in str(refused())


def test_not_root_on_debian() -> None:
    """The commands to type are told."""
    assert str(refused()) == (
        "No engine answers at unix:///nowhere/docker.sock: No such file or directory. "
        "Type `sudo apt-get install docker.io && sudo systemctl start docker`, or run `invoke engine` as root."
    )


@pytest.mark.parametrize("user", [0, 1000])
def test_other_distribution(monkeypatch: pytest.MonkeyPatch, user: int) -> None:
    """Where there is no apt, nothing is installed; what to install is told."""
    monkeypatch.setattr("os.getuid", lambda: user)
    monkeypatch.setattr(distribution, "has_apt", lambda: False)
    assert refused().advice.startswith("Install Docker Engine or Docker Desktop")


def program(folder: Path, name: str) -> None:
    """Put a program on PATH."""
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


@pytest.mark.parametrize("installed", [True, False])
def test_root_installs_and_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, installed: bool) -> None:
    """Root gets the distribution's engine where none is installed, and it is started either way."""
    done: list[str] = []
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr(distribution, "install", lambda packages, *_: done.append(packages[0]))
    monkeypatch.setattr(provision, "_start", lambda _: done.append("start"))
    if installed:
        program(tmp_path, "dockerd")
    provision.ensure_engine(lambda _: None)
    assert done == ([] if installed else ["docker.io"]) + ["start"]


def test_root_starts_an_installed_engine_without_apt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Starting needs no apt."""
    done: list[str] = []
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr(distribution, "has_apt", lambda: False)
    monkeypatch.setattr(provision, "_start", lambda _: done.append("start"))
    program(tmp_path, "dockerd")
    provision.ensure_engine(lambda _: None)
    assert done == ["start"]


def test_packages_that_the_release_lacks_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every release has a `docker-buildx`: what has no candidate is not asked for."""
    ran: list[str] = []
    said: list[str] = []
    monkeypatch.setattr(distribution, "run", lambda words: ran.append(" ".join(words)))
    monkeypatch.setattr(distribution, "_has_candidate", lambda name: name != "docker-buildx")
    distribution.install(["docker.io", "docker-buildx", "iptables"], "an engine", said.append)
    assert ran[-1].endswith("--no-install-recommends docker.io iptables")
    assert said == ["Installing an engine from the distribution: docker.io, iptables"]


def test_program_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of the system that fails is one line, with the end of both its streams below."""
    monkeypatch.undo()
    with pytest.raises(EngineError) as caught:
        distribution.run(["sh", "-c", "seq 1 30; echo no space left >&2; exit 9"])
    assert caught.value.message == "`sh -c seq 1 30; echo no space left >&2; exit 9 …` failed with exit code 9"
    assert caught.value.detail.splitlines() == [*map(str, range(12, 31)), "no space left"]
