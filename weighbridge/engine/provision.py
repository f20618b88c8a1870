"""What a machine lacks to run and build containers, installed and started where that is ours to do.

That is: as root, on Debian or Ubuntu, and where the user names no other engine.
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
    """Return an engine that answers: one that runs, else the machine's own, installed or started.

    Raises:
        NoEngine: None answers, and none may be installed here or it does not start; the advice is what to do.
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
    """Return a client that can build with BuildKit: one that is on PATH, else the distribution's, installed.

    Raises:
        NoBuilder: There is none, and none may be installed here.
    """
    try:
        return docker_cli.find()
    except NoBuilder:
        if not apt.may_install():
            raise
    # Where there is a client it may be of another maker, whose place the distribution's own would want.
    packages = ["docker-buildx"] if shutil.which("docker") else ["docker-cli", "docker-buildx"]
    apt.install(packages, "a BuildKit client", say)
    return docker_cli.find()


def _check_may_provide(error: NoEngine) -> None:
    """Raise where the engine is the user's own affair: another one is named, this one is closed to us, or no root."""
    if endpoint.named() or reasons.lacks_permission(error):
        raise error
    if apt.may_install() or (os.getuid() == 0 and shutil.which("dockerd")):
        return
    advice = "Install Docker Engine or Docker Desktop, start it, and run `invoke engine` again."
    if apt.has_apt():
        advice = "Type `sudo apt-get install docker.io && sudo systemctl start docker`, or run `invoke engine` as root."
    raise NoEngine(error.message, advice=advice) from error


def _start(say: Say) -> DockerEngine:
    """Start the machine's engine, by its service manager or detached from us, and wait until it answers.

    Raises:
        NoEngine: It ends, or does not answer in time; the last lines of its log are the detail.
    """
    say("Starting the container engine")
    if _SYSTEMD.exists():
        apt.run(["systemctl", "start", "docker"])
        return _answering(None, "`journalctl -u docker` says why.")
    with _LOG.open("ab") as log:
        begin = log.tell()
        process = subprocess.Popen(
            ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        return _answering(process, f"Mend what its log says ({_LOG}) and run `invoke engine` again.")
    except NoEngine as error:
        error.detail = apt.last_lines(_LOG.read_bytes()[begin:].decode(errors="replace"))
        raise


def _answering(process: subprocess.Popen[bytes] | None, advice: str) -> DockerEngine:
    """Return the engine when it answers; `process` is it where no service manager started it."""
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
