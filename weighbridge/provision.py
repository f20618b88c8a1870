"""An engine where a machine has none: the distribution's own, installed and started."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from weighbridge import distribution
from weighbridge.distribution import Say
from weighbridge.engine import Engine, connect
from weighbridge.errors import NoEngine

_START_SECONDS = 60
_LOG = Path("/var/log/dockerd.log")


def ensure_engine(say: Say) -> Engine:
    """Return an engine that answers; install or start one where that is ours to do: as root, on Debian or Ubuntu.

    Raises:
        NoEngine: None answers and none may be installed here; the advice is what to type.
    """
    try:
        return connect()
    except NoEngine as error:
        _check_may_provide(error)
    if not shutil.which("dockerd"):
        packages = ["docker.io", "docker-cli", "docker-buildx", "iptables", "ca-certificates"]
        distribution.install(packages, "a container engine", say)
    return _start(say)


def _check_may_provide(error: NoEngine) -> None:
    """Raise where the engine is the user's own affair."""
    # The advice of `connect` is better where the user names another engine, or may not use this one.
    if error.advice != NoEngine.advice:
        raise error
    if distribution.may_install() or (os.getuid() == 0 and shutil.which("dockerd")):
        return
    advice = "Install Docker Engine or Docker Desktop, start it, and run `invoke engine` again."
    if distribution.has_apt():
        advice = "Type `sudo apt-get install docker.io && sudo systemctl start docker`, or run `invoke engine` as root."
    raise NoEngine(error.message, advice=advice) from error


def _start(say: Say) -> Engine:
    """Start the machine's engine, by its service manager or detached from us, and wait until it answers."""
    say("Starting the container engine")
    if Path("/run/systemd/system").exists():
        distribution.run(["systemctl", "start", "docker"])
    else:
        with _LOG.open("ab") as log:
            subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return connect()
        except NoEngine as error:
            if time.monotonic() > deadline:
                raise NoEngine(
                    f"The engine was started and does not answer after {_START_SECONDS} s",
                    advice=f"Its log ({_LOG} or `journalctl -u docker`) says why.",
                ) from error
        time.sleep(0.2)
