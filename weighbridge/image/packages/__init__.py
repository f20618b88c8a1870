"""Who owns a file: what dpkg, apk and pip write down of the files that they install. Pure parsers, no sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter

from weighbridge.image.packages import apk, dist_info, dpkg, requirements
from weighbridge.image.packages.package import Package

__all__ = ["Package", "found", "is_database", "shorten"]


def is_database(path: str) -> bool:
    """Tell whether a file's bytes are needed to know who owns what, and who asked for it.

    `path` is from the root, without a slash.
    """
    # Asked of every file of every layer: a few plain tests let all but a few go.
    if path.startswith("var/lib/dpkg/") and dpkg.is_database(path):
        return True
    if ".dist-info/" in path and dist_info.is_database(path):
        return True
    if path.endswith("/installed") and path in apk.DATABASES:
        return True
    return path in {dpkg.EXTENDED_STATES, apk.WORLD} or requirements.is_source(path)


def shorten(path: str, data: bytes) -> bytes:
    """Return what has to be kept of a database's bytes, which may have much behind that."""
    if requirements.is_source(path):
        return data if len(data) <= requirements.LONGEST_BYTES else b""
    return dist_info.shorten(path, data)


def found(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield the packages that an image holds: those of Python, then Debian's, then Alpine's, each sorted by name.

    `documents` are the databases of the image as a container sees it: their paths, as `is_database` takes them, and
    their bytes. What is damaged in them is passed over, line by line; nothing is raised.
    """
    yield from dist_info.installed(documents)
    for manager in (dpkg, apk):
        yield from sorted(manager.installed(documents), key=attrgetter("name", "version", "paths"))
