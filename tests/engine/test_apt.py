"""The distribution's packages: what apt installs, when we wait for another apt, and what a failure says."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.engine import apt
from weighbridge.errors import EngineError


def program(folder: Path, name: str, script: str = "") -> None:
    """Put a program on PATH."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_packages_that_the_release_lacks_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages that this release does not have, such as `docker-buildx`, are not installed."""
    ran: list[str] = []
    said: list[str] = []
    monkeypatch.setattr(apt, "run", lambda words: ran.append(" ".join(words)))
    monkeypatch.setattr(apt, "_has_candidate", lambda name: name != "docker-buildx")
    apt.install(["docker.io", "docker-buildx", "iptables"], "an engine", said.append)
    assert ran == [
        "apt-get -qq update",
        "apt-get -qq install -o DPkg::Lock::Timeout=120 --yes --no-remove --no-install-recommends docker.io iptables",
    ]
    assert said == ["Installing an engine from the distribution: docker.io, iptables"]
    with pytest.raises(EngineError, match=r"^The distribution has no package docker-buildx[.] Install it"):
        apt.install(["docker-buildx"], "a client", said.append)


APT = """\
echo x >>"{folder}/calls"
[ "$(/usr/bin/wc -l <"{folder}/calls")" -gt {busy} ] && exit 0
echo "E: {said}" >&2; exit 100
"""


@pytest.mark.parametrize(
    ("said", "calls"), [("Could not get lock /var/lib/apt/lists/lock. It is held by 7", 3), ("No network", 1)]
)
def test_lists_that_another_apt_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, calls: int) -> None:
    """We wait, up to a limit, while another apt locks the lists; any other error is raised at once."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(apt, "_RETRY_SECONDS", 0)
    program(tmp_path, "apt-get", APT.format(folder=tmp_path, busy=2, said=said))
    if calls == 1:
        with pytest.raises(EngineError):
            apt._update()
    else:
        apt._update()
    assert len((tmp_path / "calls").read_text().splitlines()) == calls
    monkeypatch.setattr(apt, "_LOCK_SECONDS", 0)
    (tmp_path / "calls").unlink()
    with pytest.raises(EngineError) as caught:
        apt._update()
    assert caught.value.detail == f"E: {said}"


def test_program_that_is_missing() -> None:
    """A program that does not exist gives an error on one line."""
    with pytest.raises(EngineError, match=r"^`nowhere-to-be-found` cannot be started: No such file or directory[.] "):
        apt.run(["nowhere-to-be-found"])


def test_program_that_fails() -> None:
    """A program that fails gives an error on one line, with the end of both its streams as the detail."""
    with pytest.raises(EngineError) as caught:
        apt.run(["sh", "-c", "seq 1 30; echo no space left >&2; exit 9"])
    assert caught.value.message == "`sh -c seq 1 30; echo no space left >&2; exit 9 …` failed with exit code 9"
    assert caught.value.detail.splitlines() == [*map(str, range(12, 31)), "no space left"]
