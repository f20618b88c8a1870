"""Which commit the working tree stands on, as Git tells it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, and whether the working tree differs from it."""

    commit: str | None
    """Full hash; None outside a repository, before its first commit, or without Git."""
    dirty: bool


def current(folder: Path) -> Revision:
    """Return the revision of the repository that `folder` is in. Never fails: a report matters more than its commit."""
    command = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch"]
    try:
        answer = subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=_TIMEOUT_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return Revision(commit=None, dirty=False)
    lines = answer.stdout.decode(errors="replace").splitlines()
    found = re.match(r"# branch\.oid ([0-9a-f]{40,64})$", lines[0] if lines else "")
    if not found:
        return Revision(commit=None, dirty=False)
    return Revision(commit=found[1], dirty=any(not line.startswith("#") for line in lines))
