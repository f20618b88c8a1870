"""Reads what pip, uv and others installed, from the RECORD in each `.dist-info` folder, wherever that is.

Source: the packaging specifications, "Recording installed projects".
"""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Iterator, Mapping

from weighbridge.image.packages.package import LONGEST_PATH, Package, from_root

_ENDING = ".dist-info/RECORD"
# A version begins with a digit. Older tools left hyphens in the name before it.
_BEFORE_VERSION = re.compile(r"-(?=[0-9])")
_SEPARATORS = re.compile(r"[-_.]+")


def is_database(path: str) -> bool:
    """Return whether a file is the RECORD of a distribution."""
    return path.endswith(_ENDING) and path != _ENDING and not path.endswith("/" + _ENDING)


def installed(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield one package for each RECORD in `documents`, by name and version. It owns its RECORD, listed or not.

    The packages are read one at a time, because the paths of a full environment would take too much memory.
    """
    found = []
    for path in documents:
        folder, _, stem = path.removesuffix(_ENDING).rpartition("/")
        if is_database(path) and len(folder) <= LONGEST_PATH:
            found.append((_identity(stem), folder, path))
    for (name, version), folder, path in sorted(found):
        # `join` drops the folder if the path begins with a slash.
        recorded = (posixpath.join(folder, entry) for entry in _entries(documents[path]))
        yield Package(kind="python", name=name, version=version, paths=from_root([*recorded, path]))


def _identity(stem: str) -> tuple[str, str]:
    """Split `Name-Version`. The name is normalised as on the index (PEP 503)."""
    name, *version = _BEFORE_VERSION.split(stem, maxsplit=1)
    return _SEPARATORS.sub("-", name).lower(), "".join(version)


def _entries(content: bytes) -> Iterator[str]:
    """Yield the paths in a RECORD's first column."""
    rows = csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape")))
    while True:
        try:
            row = next(rows, None)
        except csv.Error:  # Such as a field beyond csv's limit; the reader continues with the next line.
            continue
        if row is None:
            return
        if row and row[0]:
            yield row[0]
