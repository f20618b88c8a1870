"""The distribution's own packages: what is there, and how to install it (Debian and its descendants)."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from weighbridge.errors import EngineError

Say = Callable[[str], None]
"""Takes a sentence on what is being done now, for the user to read."""

_SHOWN_LINES = 20
_LOCK_SECONDS = 120
"""How long another package manager may keep us waiting: a fresh Ubuntu upgrades itself first."""
_RETRY_SECONDS = 1.0


def may_install() -> bool:
    """Tell whether this is a Debian or a descendant of it, and we are root."""
    return os.getuid() == 0 and has_apt()


def has_apt() -> bool:
    """Tell whether this is a Debian or a descendant of it."""
    return Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def ensure(packages: Sequence[str], purpose: str, say: Say) -> None:
    """Install those of the packages that are missing, where that is ours to do; elsewhere do nothing."""
    missing = [name for name in packages if may_install() and not _is_installed(name)]
    if missing:
        install(missing, purpose, say)


def _is_installed(package: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout == "installed"


def install(packages: Sequence[str], purpose: str, say: Say) -> None:
    """Install those of the packages that the distribution has; not every release has them all, and none is removed.

    Raises:
        EngineError: It has none of them, or the package manager failed; its last lines are the detail.
    """
    _update()
    known = [name for name in packages if _has_candidate(name)]
    if not known:
        raise EngineError(
            f"The distribution has no package {' or '.join(packages)}",
            advice="Install it from elsewhere and run `invoke engine` again.",
        )
    say(f"Installing {purpose} from the distribution: {', '.join(known)}")
    options = ["-o", f"DPkg::Lock::Timeout={_LOCK_SECONDS}", "--yes", "--no-remove", "--no-install-recommends"]
    run(["apt-get", "-qq", "install", *options, *known])


def _update() -> None:
    """Read the lists of packages anew; where another apt does, wait for it: its own time limit is for dpkg's lock."""
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
    """Run a program of the system, silently.

    Raises:
        EngineError: It is not there, or failed; its last lines are the detail.
    """
    # RUNLEVEL: in a rescue system Debian's packages start no server of their own.
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
            advice="Mend what its output says and run `invoke engine` again.",
            detail=last_lines(done.stdout + done.stderr),
        )


def last_lines(text: str) -> str:
    """Return as much of the end of a program's output as an error shows."""
    return "\n".join(text.splitlines()[-_SHOWN_LINES:])
