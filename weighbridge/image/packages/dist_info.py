"""Reads what pip, uv and others installed, from the RECORD in each `.dist-info` folder, wherever that is.

Sources: the packaging specifications, "Recording installed projects", "Core metadata" and "Recording the direct URL
origin of installed distributions"; PEP 376, for REQUESTED.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain

from weighbridge.image.packages.package import LONGEST_PATH, Package, normalise_paths
from weighbridge.image.requirements import normalize

METADATA_BYTES = 256 * 2**10
"""What is kept of a distribution's METADATA at most: its header; the project's description follows it."""
_FOLDER, _RECORD = ".dist-info/", ".dist-info/RECORD"
_METADATA, _INSTALLER, _ORIGIN = "METADATA", "INSTALLER", "direct_url.json"
NAMES = ("RECORD", _METADATA, _INSTALLER, _ORIGIN)
"""Files of a distribution that tell something of it."""
# A version begins with a digit. Older tools left hyphens in the name before it.
_BEFORE_VERSION = re.compile(r"-(?=[0-9])")
_PROOF = re.compile(rb",[a-z0-9]+=[A-Za-z0-9_-]{0,200},[0-9]{0,20}$", re.MULTILINE)
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_REQUIRES = re.compile(rb"^requires-dist:(.*)$", re.IGNORECASE | re.MULTILINE)


def is_database(path: str) -> bool:
    """Tell whether a file says what a distribution installed, needs, or came from."""
    folder, _, name = path.rpartition("/")
    return name in NAMES and folder.endswith(_FOLDER[:-1]) and not f"/{folder}".endswith(f"/{_FOLDER[:-1]}")


def shorten(path: str, data: bytes) -> bytes:
    """Return what has to be kept of a database: of METADATA its header, of RECORD no digests and sizes.

    Those are two thirds of a RECORD. Where a path is quoted, which hardly any is, they stay.
    """
    if path.endswith(f"{_FOLDER}{_METADATA}"):
        return _cut_header(data)
    return _PROOF.sub(b",,", data) if path.endswith(_RECORD) and b'"' not in data else data


def _cut_header(metadata: bytes) -> bytes:
    """Return what stands before the first blank line."""
    found = _BLANK_LINE.search(metadata, 0, METADATA_BYTES)
    return metadata[: found.start() + 1 if found else METADATA_BYTES]


def parse_packages(documents: Mapping[str, bytes]) -> Iterator[Package]:
    """Yield one package for each RECORD in `documents`, by name and version. It owns its RECORD, listed or not.

    The packages are read one at a time, because the paths of a full environment would take too much memory.
    """
    found = []
    for path in documents:
        folder, _, stem = path.removesuffix(_RECORD).rpartition("/")
        if path.endswith(_RECORD) and is_database(path) and len(folder) <= LONGEST_PATH:
            found.append((_split_identity(stem), folder, path))
    for (name, version), folder, path in sorted(found):
        own = path.removesuffix("RECORD")
        below = f"{folder}/" if folder else ""
        # A path that begins with a slash replaces the folder.
        recorded = (entry if entry.startswith("/") else below + entry for entry in _read_entries(documents[path]))
        paths = normalise_paths(chain(recorded, [path]))
        yield Package(
            kind="python",
            name=name,
            version=version,
            paths=paths,
            requires=_read_requirements(documents.get(own + _METADATA, b"")),
            requested=_is_requested(documents.get(own + _INSTALLER, b""), listed=f"{own}REQUESTED" in paths),
            is_application=_is_local(documents.get(own + _ORIGIN, b"")),
            has_metadata=0 < len(documents.get(own + _METADATA, b"")) < METADATA_BYTES,
        )


def _split_identity(stem: str) -> tuple[str, str]:
    """Split `Name-Version`. The name is normalised as on the index (PEP 503)."""
    name, *version = _BEFORE_VERSION.split(stem, maxsplit=1)
    return normalize(name), "".join(version)


def _read_requirements(metadata: bytes) -> tuple[str, ...]:
    found = (value.decode("utf-8", "replace").strip() for value in _REQUIRES.findall(_cut_header(metadata)))
    return tuple(filter(None, found))


def _is_requested(installer: bytes, *, listed: bool) -> bool | None:
    """Tell whether somebody asked for a distribution.

    pip writes a file REQUESTED then and only then, uv always, and others never.
    """
    return True if listed else False if installer.strip() == b"pip" else None


def _is_local(origin: bytes) -> bool:
    """Tell whether a distribution came from a folder or an archive, and not from an index or a repository."""
    try:
        value = json.loads(origin)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and str(value.get("url", "")).startswith("file:")


def _read_entries(content: bytes) -> Iterator[str]:
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
