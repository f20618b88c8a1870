"""Reads what apk installed, from its one text file with all packages and their files.

Source: Alpine's wiki, "Apk spec", the installed database of version 2; apk 3 writes the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from weighbridge.image.packages.package import LONGEST_PATH, Package, from_root, lines

DATABASES = ("usr/lib/apk/db/installed", "lib/apk/db/installed")
"""Where apk keeps it. An image in which `lib` is a link to `usr/lib` has the first."""


def installed(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield the packages of `documents`, in apk's order. A record without a name owns nothing."""
    for path in DATABASES:
        record: list[str] = []
        for line in [*lines(documents.get(path, b"")), ""]:
            if line:
                record.append(line)
                continue
            if name := _field(record, "P:"):
                yield Package(kind="alpine", name=name, version=_field(record, "V:"), paths=from_root(_files(record)))
            record = []


def _field(record: list[str], tag: str) -> str:
    """Return the value of a field that occurs once; empty if it is missing."""
    return next((line[2:] for line in record if line.startswith(tag)), "")


def _files(record: list[str]) -> Iterator[str]:
    """Yield a package's files. Each `R:` line names a file in the folder of the last `F:` line before it."""
    folder: str | None = None
    for line in record:
        tag, value = line[:2], line[2:]
        if tag == "F:":
            folder = value if len(value) <= LONGEST_PATH else None
        elif tag == "R:" and value and folder is not None:
            yield f"{folder}/{value}"
