"""Installs packages of the distribution, on Debian and its descendants."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from weighbridge.errors import EngineError

Say = Callable[[str], None]
"""Shows the user a sentence on what is being done now."""

_SHOWN_LINES = 20
_LOCK_SECONDS = 120
"""How long to wait for another package manager: a fresh Ubuntu first upgrades itself."""
_RETRY_SECONDS = 1.0


def may_install() -> bool:
    """Tell whether we are root on Debian or a descendant of it."""
    return os.getuid() == 0 and has_apt()


def has_apt() -> bool:
    """Tell whether this is a Debian or a descendant of it."""
    return Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def ensure(packages: Sequence[str], purpose: str, say: Say) -> None:
    """Install the packages that are missing, if we may; otherwise do nothing."""
    missing = [name for name in packages if may_install() and not _is_installed(name)]
    if missing:
        install(missing, purpose, say)


def _is_installed(package: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout == "installed"


def install(packages: Sequence[str], purpose: str, say: Say) -> None:
    """Install those of the packages that this release of the distribution has; never remove another package.

    Raises:
        EngineError: The distribution has none of them, or the package manager failed; its last lines are the detail.
    """
    _update()
    known = [name for name in packages if _has_candidate(name)]
    if not known:
        raise EngineError(
            f"The distribution has no package {' or '.join(packages)}",
            advice="Install it from another source and run `invoke engine` again.",
        )
    say(f"Installing {purpose} from the distribution: {', '.join(known)}")
    options = ["-o", f"DPkg::Lock::Timeout={_LOCK_SECONDS}", "--yes", "--no-remove", "--no-install-recommends"]
    run(["apt-get", "-qq", "install", *options, *known])


def _update() -> None:
    """Update the lists of packages. If another apt does so, wait for it: apt's own timeout covers only dpkg's lock."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            return run(["apt-get", "-qq", "update"])
        except EngineError as error:
            if "lists/lock" not in error.detail or time.monotonic() > deadline:
                raise
        time.sleep(_RETRY_SECONDS)


def _has_candidate(package: str) -> bool:
    policy = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False)
    return "Candidate:" in policy.stdout and "Candidate: (none)" not in policy.stdout


def run(command: Sequence[str]) -> None:
    """Run a program of the system without showing its output.

    Raises:
        EngineError: It does not exist, or failed; its last lines are the detail.
    """
    # RUNLEVEL: in a rescue system Debian's packages do not start their servers.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise EngineError(
            f"`{command[0]}` cannot be started: {error.strerror}",
            advice="Install it and run `invoke engine` again.",
        ) from error
    if done.returncode:
        raise EngineError(
            f"`{' '.join(command[:4])} …` failed with exit code {done.returncode}",
            advice="Fix what its output says and run `invoke engine` again.",
            detail=take_last_lines(done.stdout + done.stderr),
        )


def take_last_lines(text: str) -> str:
    """Return the last lines of a program's output, as many as an error shows."""
    return "\n".join(text.splitlines()[-_SHOWN_LINES:])
