"""What pip, uv and others installed: the RECORD in each distribution's `.dist-info`, wherever that lies.

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
    """Tell whether a file is the RECORD of a distribution."""
    return path.endswith(_ENDING) and path != _ENDING and not path.endswith("/" + _ENDING)


def installed(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield one package for each RECORD among `documents`; it owns that RECORD, listed or not.

    They come by name and version, one after the other: a full environment's files are too many to hold all at once.
    """
    found = []
    for path in documents:
        folder, _, stem = path.removesuffix(_ENDING).rpartition("/")
        if is_database(path) and len(folder) <= LONGEST_PATH:
            found.append((_identity(stem), folder, path))
    for (name, version), folder, path in sorted(found):
        # A path that begins with a slash replaces the folder.
        recorded = (posixpath.join(folder, entry) for entry in _entries(documents[path]))
        yield Package(kind="python", name=name, version=version, paths=from_root([*recorded, path]))


def _identity(stem: str) -> tuple[str, str]:
    """Take `Name-Version` apart. The name is normalised as on the index (PEP 503)."""
    name, *version = _BEFORE_VERSION.split(stem, maxsplit=1)
    return _SEPARATORS.sub("-", name).lower(), "".join(version)


def _entries(content: bytes) -> Iterator[str]:
    """Yield the first column of a RECORD as far as it is a path."""
    rows = csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape")))
    while True:
        try:
            row = next(rows, None)
        except csv.Error:  # For instance a field beyond csv's limit; the reader goes on with the next line.
            continue
        if row is None:
            return
        if row and row[0]:
            yield row[0]
