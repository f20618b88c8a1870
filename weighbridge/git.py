"""Which commit the working tree stands on, when it was made and where it comes from, as Git tells it."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from weighbridge.errors import SettingsError

_TIMEOUT_SECONDS = 10
_SOURCE_DATE = "SOURCE_DATE_EPOCH"
_LONGEST_TIME = 11
"""Digits: enough until the year 5138, and few enough for every calendar."""
_PUBLIC = ("https", "http", "git", "ssh")
_SHORT_FORM = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w-]+(?:\.[\w-]+)+):(?P<path>[^/].*)")


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, and whether the working tree differs from it."""

    commit: str | None
    """Full hash; None outside a repository, before its first commit, or without Git."""
    dirty: bool

    @property
    def described(self) -> str:
        """The commit, with `-dirty` behind it where the tree holds something else; empty where there is none."""
        return f"{self.commit}-dirty" if self.commit and self.dirty else self.commit or ""


def current(folder: Path) -> Revision:
    """Return the revision of the repository that `folder` is in. Never fails: a report matters more than its commit."""
    lines = git(folder, "status", "--porcelain=v2", "--branch").splitlines()
    found = re.match(r"# branch\.oid ([0-9a-f]{40,64})$", lines[0] if lines else "")
    if not found:
        return Revision(commit=None, dirty=False)
    return Revision(commit=found[1], dirty=any(not line.startswith("#") for line in lines))


def source_time(folder: Path) -> int | None:
    """Return the time of what is built there, in seconds since 1970: never now, so that it is the same tomorrow.

    It is SOURCE_DATE_EPOCH where the environment has it, else when the commit was made, also where the tree differs
    from it: the time of the last change would be another on every machine. None where there is no commit. Meaning of
    the variable: reproducible-builds.org, "SOURCE_DATE_EPOCH".

    Raises:
        SettingsError: The variable holds no such number.
    """
    told = os.environ.get(_SOURCE_DATE)
    found = (told or git(folder, "-c", "log.showSignature=false", "show", "--no-patch", "--format=%ct", "HEAD")).strip()
    if found.isascii() and found.isdecimal() and len(found) <= _LONGEST_TIME:
        return int(found)
    if told:
        advice = "Set it to seconds since 1970, as `git show --no-patch --format=%ct` prints them, or unset it."
        raise SettingsError(f"{_SOURCE_DATE} is {told!r}, and that is no time", advice=advice)
    return None


def source(folder: Path) -> str:
    """Return the URL of the repository that the commits come from, without user and password; empty: there is none.

    What is no URL for others, such as a folder of this machine, counts as none.
    """
    text = git(folder, "config", "--get", "remote.origin.url").strip()
    if short := _SHORT_FORM.fullmatch(text):
        return f"ssh://{short['host']}/{short['path']}"
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme in _PUBLIC and host else ""


def trouble(folder: Path) -> str:
    """Return why Git tells nothing of a folder, in its own words; empty: it does."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "--git-dir"], cwd=folder, capture_output=True, check=False, timeout=_TIMEOUT_SECONDS
        )
    except OSError as error:
        return f"git: {error.strerror}"
    except subprocess.TimeoutExpired:
        return "git does not answer"
    said = answer.stderr.decode(errors="replace").strip().splitlines()
    return said[0].removeprefix("fatal: ") if answer.returncode and said else ""


def git(folder: Path, *words: str) -> str:
    """Return what Git prints; nothing where it fails or there is none."""
    command = ["git", "--no-optional-locks", *words]
    try:
        answer = subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=_TIMEOUT_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.decode(errors="replace")
