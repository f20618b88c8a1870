"""Asks Git for the commit of the working tree, its time, and the repository that it comes from."""

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
"""In digits: enough until the year 5138, and within the range of `datetime`."""
_PUBLIC = ("https", "http", "git", "ssh")
_SHORT_FORM = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w-]+(?:\.[\w-]+)+):(?P<path>[^/].*)")


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, and whether the working tree differs from it."""

    commit: str | None
    """Full hash; None outside a repository, before the first commit, or without Git."""
    dirty: bool

    @property
    def described(self) -> str:
        """The commit, followed by `-dirty` if the tree differs from it; empty if there is no commit."""
        return f"{self.commit}-dirty" if self.commit and self.dirty else self.commit or ""


def read_revision(folder: Path) -> Revision:
    """Return the revision of the repository around `folder`. Never fails: a report matters more than its commit."""
    lines = run_git(folder, "status", "--porcelain=v2", "--branch").splitlines()
    found = re.match(r"# branch\.oid ([0-9a-f]{40,64})$", lines[0] if lines else "")
    if not found:
        return Revision(commit=None, dirty=False)
    return Revision(commit=found[1], dirty=any(not line.startswith("#") for line in lines))


def read_source_time(folder: Path) -> int | None:
    """Return the time to stamp builds with, in seconds since 1970: never the present, so that builds are reproducible.

    It is SOURCE_DATE_EPOCH if the environment sets it (reproducible-builds.org, "SOURCE_DATE_EPOCH"), else the time of
    the commit, also if the tree differs from it: the time of the last change differs on every machine. None if there is
    no commit.

    Raises:
        SettingsError: The variable does not hold such a number.
    """
    given = os.environ.get(_SOURCE_DATE)
    text = given or run_git(folder, "-c", "log.showSignature=false", "show", "--no-patch", "--format=%ct", "HEAD")
    found = text.strip()
    if found.isascii() and found.isdecimal() and len(found) <= _LONGEST_TIME:
        return int(found)
    if given:
        advice = "Set it to seconds since 1970, as `git show --no-patch --format=%ct` prints them, or unset it."
        raise SettingsError(f"{_SOURCE_DATE} is {given!r}, which is not a time", advice=advice)
    return None


def read_source_url(folder: Path) -> str:
    """Return the URL of the remote `origin`, without user and password; empty if it has none that others can use.

    A folder of this machine, for example, is of no use to others.
    """
    text = run_git(folder, "config", "--get", "remote.origin.url").strip()
    if short := _SHORT_FORM.fullmatch(text):
        return f"ssh://{short['host']}/{short['path']}"
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme in _PUBLIC and host else ""


def describe_trouble(folder: Path) -> str:
    """Return Git's own words on why it refuses a folder; empty if it does not."""
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


def run_git(folder: Path, *words: str) -> str:
    """Return what Git prints; empty if it fails or is not installed."""
    command = ["git", "--no-optional-locks", *words]
    try:
        answer = subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=_TIMEOUT_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.decode(errors="replace")
