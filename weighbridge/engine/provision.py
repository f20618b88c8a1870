"""Installs and starts what a machine lacks to run and build containers, if we may.

We may if we are root on Debian or a descendant of it, and the user names no other engine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from weighbridge.engine import apt, docker_cli, endpoint, reasons
from weighbridge.engine.apt import Say
from weighbridge.engine.client import DockerEngine, connect
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.errors import NoBuilder, NoEngine

_START_SECONDS = 60
_POLL_SECONDS = 0.2
_LOG = Path("/var/log/dockerd.log")
_SYSTEMD = Path("/run/systemd/system")


def ensure_engine(say: Say) -> DockerEngine:
    """Return an engine that answers; if none does, install the machine's own if it is missing, and start it.

    Raises:
        NoEngine: No engine answers, and we may not install one or it does not start; the advice says what to do.
    """
    try:
        return connect()
    except NoEngine as error:
        _check_may_provide(error)
    if not shutil.which("dockerd"):
        packages = ["docker.io", "docker-cli", "docker-buildx", "iptables", "ca-certificates"]
        apt.install(packages, "a container engine", say)
    return _start(say)


def ensure_client(say: Say) -> BuildClient:
    """Return a client that can build with BuildKit; if PATH has none, install that of the distribution.

    Raises:
        NoBuilder: PATH has none, and we may not install one.
    """
    try:
        return docker_cli.find()
    except NoBuilder:
        if not apt.may_install():
            raise
    # A client that is there may be from another vendor, and the distribution's client would conflict with it.
    packages = ["docker-buildx"] if shutil.which("docker") else ["docker-cli", "docker-buildx"]
    apt.install(packages, "a BuildKit client", say)
    return docker_cli.find()


def _check_may_provide(error: NoEngine) -> None:
    """Raise `NoEngine` if we may not provide an engine: the user names one, it denies access, or we are not root."""
    if endpoint.find_named() or reasons.lacks_permission(error):
        raise error
    if apt.may_install() or (os.getuid() == 0 and shutil.which("dockerd")):
        return
    advice = "Install Docker Engine or Docker Desktop, start it, and run `invoke engine` again."
    if apt.has_apt():
        advice = "Type `sudo apt-get install docker.io && sudo systemctl start docker`, or run `invoke engine` as root."
    raise NoEngine(error.message, advice=advice) from error


def _start(say: Say) -> DockerEngine:
    """Start the machine's engine, with systemd or as a process that outlives us, and wait until it answers.

    Raises:
        NoEngine: It ends, or does not answer in time; the last lines of its log are the detail.
    """
    say("Starting the container engine")
    if _SYSTEMD.exists():
        apt.run(["systemctl", "start", "docker"])
        return _wait_for_engine(None, "`journalctl -u docker` says why.")
    with _LOG.open("ab") as log:
        begin = log.tell()
        process = subprocess.Popen(
            ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        return _wait_for_engine(process, f"Fix what its log says ({_LOG}) and run `invoke engine` again.")
    except NoEngine as error:
        error.detail = apt.take_last_lines(_LOG.read_bytes()[begin:].decode(errors="replace"))
        raise


def _wait_for_engine(process: subprocess.Popen[bytes] | None, advice: str) -> DockerEngine:
    """Wait until the engine answers and return it; `process` is the engine, unless systemd started it."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        code = process.poll() if process else None
        try:
            return connect()
        except NoEngine as error:
            if code is not None:
                raise NoEngine(f"The engine was started and ended with exit code {code}", advice=advice) from error
            if time.monotonic() > deadline:
                message = f"The engine was started and does not answer after {_START_SECONDS} s"
                raise NoEngine(message, advice=advice) from error
        time.sleep(_POLL_SECONDS)
