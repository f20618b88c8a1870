"""The distribution's own packages: what is there, and how to install it (Debian and its descendants)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from weighbridge.errors import EngineError

Say = Callable[[str], None]
"""Takes a sentence on what is being done now, for the user to read."""

_SHOWN_LINES = 20


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
    """Install those of the packages that the distribution has; not every release has them all.

    Raises:
        EngineError: The package manager failed; its last lines are the detail.
    """
    run(["apt-get", "-qq", "update"])
    known = [name for name in packages if _has_candidate(name)]
    say(f"Installing {purpose} from the distribution: {', '.join(known)}")
    run(["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *known])


def _has_candidate(package: str) -> bool:
    policy = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True, check=False)
    return "Candidate:" in policy.stdout and "Candidate: (none)" not in policy.stdout


def run(command: Sequence[str]) -> None:
    """Run a program of the system, silently.

    Raises:
        EngineError: It failed; its last lines are the detail.
    """
    # RUNLEVEL: in a rescue system Debian's packages start no server of their own.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise EngineError(
            f"`{' '.join(command[:4])} …` failed with exit code {done.returncode}",
            advice="Mend what its output says and run `invoke engine` again.",
            detail="\n".join((done.stdout + done.stderr).splitlines()[-_SHOWN_LINES:]),
        )
