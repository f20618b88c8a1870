"""Who owns a file: what dpkg, apk and pip write down of the files that they install. Pure parsers, no sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter

from weighbridge.image.packages import apk, dist_info, dpkg, go, rpm
from weighbridge.image.packages.package import Package

__all__ = ["Package", "found", "is_database", "is_document"]


def is_database(path: str) -> bool:
    """Tell whether a file's bytes are needed to know who owns what. `path` is from the root, without a slash."""
    # Asked of every file of every layer: two plain tests let all but a few go.
    if path.startswith("var/lib/dpkg/") and dpkg.is_database(path):
        return True
    if path.startswith(rpm.FOLDERS) and rpm.is_database(path):
        return True
    return path.endswith(("/RECORD", "/installed")) and (dist_info.is_database(path) or path in apk.DATABASES)


def is_document(path: str, content: bytes) -> bool:
    """Tell whether what is kept of a file says who owns what: it is a database, or was found in a Go program."""
    return is_database(path) or go.is_build_info(content)


def found(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield the packages that an image holds: those of Python, then Debian's, Alpine's and RPM's, then Go programs.

    `documents` are the databases of the image as a container sees it: their paths, as `is_database` takes them, and
    their bytes. What is damaged in them is passed over, line by line; nothing is raised.
    """
    yield from dist_info.installed(documents)
    for manager in (dpkg, apk, rpm, go):
        yield from sorted(manager.installed(documents), key=attrgetter("name", "version", "paths"))
