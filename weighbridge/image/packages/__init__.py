"""Reads which files dpkg, apk and pip installed, from their own databases. Only parses: no file access, no sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter

from weighbridge.image.packages import apk, dist_info, dpkg
from weighbridge.image.packages.package import Package

__all__ = ["Package", "found", "is_database"]


def is_database(path: str) -> bool:
    """Return whether a file is a package database. `path` starts at the root, without a leading slash."""
    # Called for every file of every layer: two plain tests rule out nearly all of them.
    if path.startswith("var/lib/dpkg/") and dpkg.is_database(path):
        return True
    return path.endswith(("/RECORD", "/installed")) and (dist_info.is_database(path) or path in apk.DATABASES)


def found(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield the packages that an image holds: those of Python, then Debian's, then Alpine's, each sorted by name.

    `documents` are the databases that a container sees: path, as for `is_database`, and bytes. Damaged lines are
    skipped; nothing is raised.
    """
    yield from dist_info.installed(documents)
    for manager in (dpkg, apk):
        yield from sorted(manager.installed(documents), key=attrgetter("name", "version", "paths"))
