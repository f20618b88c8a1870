"""Finds the package databases of an image, and gives each to its parser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from itertools import chain
from operator import attrgetter
from typing import Protocol, cast

from weighbridge.image import packages as room  # by which all parsers count where the digest of this code is wanted
from weighbridge.image import requirements
from weighbridge.image.packages import dist_info, go, rpm
from weighbridge.image.packages.ecosystems import ECOSYSTEMS
from weighbridge.image.packages.package import Package


class Parser(Protocol):
    """A module that reads what one kind of package manager writes down."""

    def is_database(self, path: str, /) -> bool:
        """Tell whether the parser needs a file's bytes. `path` is from the root, without a slash."""

    def parse_packages(self, documents: Mapping[str, bytes], /) -> Iterator[Package]:
        """Yield the packages of `documents`, path -> bytes, whatever else is among them. Nothing is raised."""


MAX_TEXT_BYTES = 16 * 2**20
"""A longer text is no package database: parsing takes up to thirty times its bytes of memory. Debian's largest has some
10 MB. RPM's are no text, and have bounds of their own."""
MAX_COST = 2_000_000
"""What an operating system's databases may list together, as `_take_affordable` counts it: the packages beyond it own
nothing. The largest images that we know have 400,000 files."""
_PACKAGE_COST = 10
_BEGINNINGS = tuple(chain.from_iterable(each.beginnings for each in ECOSYSTEMS))
_ENDINGS = tuple(chain.from_iterable(each.endings for each in ECOSYSTEMS))
_PARSERS = [
    (each, cast("Parser", import_module(f"{room.__name__}.{name}"))) for each in ECOSYSTEMS for name in each.parsers
]
_QUICK = [(each.beginnings, each.endings, parser.is_database) for each, parser in _PARSERS]


def is_database(path: str) -> bool:
    """Tell whether a file's bytes are needed to know who owns what, and who asked for it.

    `path` is from the root, without a slash.
    """
    # Asked of every file of every layer: two plain tests let all but a few go.
    if path.endswith(_ENDINGS) or path.startswith(_BEGINNINGS):
        for beginnings, endings, is_parsed in _QUICK:
            if (path.endswith(endings) or path.startswith(beginnings)) and is_parsed(path):
                return True
    return requirements.is_source(path)


def shorten(path: str, data: bytes) -> bytes:
    """Return what has to be kept of a database's bytes, which may have much behind that; empty if it is none."""
    if len(data) > MAX_TEXT_BYTES and not rpm.is_database(path):
        return b""
    if requirements.is_source(path):
        return data if len(data) <= requirements.LONGEST_BYTES else b""
    return dist_info.shorten(path, data)


def is_document(path: str, content: bytes) -> bool:
    """Tell whether what is kept of a file says who owns what: it is a database, or was found in a Go program."""
    return is_database(path) or go.is_build_info(content)


def parse_packages(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield the packages that an image holds, ecosystem by ecosystem in the order of their table.

    Those of one parser are sorted by name. `documents` are the databases of the image as a container sees it: their
    paths, as `is_database` takes them, and their bytes. What is damaged in them is passed over; nothing is raised.
    """
    for ecosystem, parser in _PARSERS:
        packages = parser.parse_packages(documents)
        # A system's database has its packages in an order of its own. All other parsers sort what they read before
        # they list files, since a full environment's are too many to hold all at once.
        if ecosystem.is_system:
            packages = iter(sorted(_take_affordable(packages), key=attrgetter("name", "version", "paths")))
        yield from packages


def _take_affordable(packages: Iterable[Package]) -> Iterator[Package]:
    """Yield packages until all that they list, held at once, would take too much memory."""
    left = MAX_COST
    for package in packages:
        left -= _PACKAGE_COST + len(package.paths) + len(package.requires) + len(package.provides)
        if left < 0:
            return
        yield package
