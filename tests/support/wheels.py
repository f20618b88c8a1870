"""Wheels that pip installs without an index, each a module of one line and what it requires."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path


def wheel(folder: Path, name: str, *, requires: Iterable[str] = (), extras: Iterable[str] = ()) -> Path:
    """Write the wheel of version 1 of a distribution into a folder; return its path."""
    stem = f"{name.replace('-', '_')}-1"
    header = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        "Version: 1",
        *(f"Provides-Extra: {extra}" for extra in extras),
        *(f"Requires-Dist: {each}" for each in requires),
    ]
    files = {
        f"{name.replace('-', '_')}.py": f"NAME = {name!r}\n",
        f"{stem}.dist-info/METADATA": "\n".join(header) + "\n\nSome words.\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{stem}.dist-info/RECORD"
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for place, text in files.items():
            archive.writestr(place, text)
        archive.writestr(record, "".join(f"{place},,\n" for place in [*files, record]))
    return path
