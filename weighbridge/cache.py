"""Caches what was read of layers, by diff ID, and of an engine's images, by id. Neither ever changes its content.

The cache is files in the user's cache folder. Each appears whole or not at all, is checked when it is read, and may be
deleted at any time. If a file is missing, damaged or of another version, the caller reads the layer again. The folder
stays below a limit: the files that were not used for longest are deleted first. No method here ever fails: without a
cache everything works, only slower.
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from weighbridge import files
from weighbridge.image.layer import Fingerprint, LayerContent

VERSION = 4
"""Part of the folder's name. Raise it with every change of what is kept or how that is computed."""
LIMIT_BYTES = 256 * 2**20
_COLUMNS = ("paths", "kinds", "sizes", "digests")


def locate_user_folder() -> Path:
    """Return our folder in the user's cache folder; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weighbridge"


class Cache:
    """Layers and images that were read before."""

    def __init__(self, folder: Path | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = (folder or locate_user_folder() / "layers") / f"{VERSION}-{sys.byteorder}"
        self._limit_bytes = limit_bytes

    def has(self, key: str) -> bool:
        """Tell whether the cache has a file for a key."""
        return self._locate(key).exists()

    def read_layer(self, diff_id: str) -> LayerContent | None:
        """Return a layer's content; None if the cache does not have it."""
        data = self._read(diff_id)
        try:
            return None if data is None else _unpack(zlib.decompress(data))
        except (zlib.error, ValueError, LookupError, TypeError, OverflowError):
            self._drop(diff_id)
            return None

    def keep_layer(self, diff_id: str, content: LayerContent) -> None:
        """Write a layer's content to the cache."""
        packer = zlib.compressobj(1)
        parts = [packer.compress(part) for part in _iterate_parts(content)]
        self._write(diff_id, b"".join([*parts, packer.flush()]))

    def read_document(self, key: str) -> Mapping[str, object] | None:
        """Return the JSON object of a key; None if the cache does not have it."""
        data = self._read(key)
        try:
            found = None if data is None else json.loads(zlib.decompress(data))
        except (zlib.error, ValueError, RecursionError):
            self._drop(key)
            return None
        return found if isinstance(found, dict) else None

    def keep_document(self, key: str, value: Mapping[str, object]) -> None:
        """Write a JSON object to the cache."""
        self._write(key, zlib.compress(json.dumps(value).encode(), 1))

    def _locate(self, key: str) -> Path:
        return self._folder / key.replace(":", "-").replace("/", "-")

    def _drop(self, key: str) -> None:
        """Delete a damaged file, so that it is written again."""
        with suppress(OSError):
            self._locate(key).unlink()

    def _read(self, key: str) -> bytes | None:
        try:
            data = self._locate(key).read_bytes()
            os.utime(self._locate(key))  # marks it as used
        except OSError:
            return None
        return data

    def _write(self, key: str, data: bytes) -> None:
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            files.replace(self._locate(key), data, private=True)
            self._shrink()

    def _shrink(self) -> None:
        """Delete files not used for longest, drafts of killed processes included, until the rest is below the limit."""
        with os.scandir(self._folder) as found:
            kept = sorted((each.stat().st_mtime, each.stat().st_size, each.path) for each in found)
        excess = sum(size for _, size, _ in kept) - self._limit_bytes
        for _, size, path in kept:
            if excess <= 0:
                break
            Path(path).unlink(missing_ok=True)
            excess -= size


def _iterate_parts(content: LayerContent) -> Iterator[bytes | memoryview]:
    """Yield a line of JSON with all numbers and lengths, then each column, then each document."""
    columns = [memoryview(getattr(content, name)).cast("B") for name in _COLUMNS]
    head = {
        "shipped_bytes": content.shipped_bytes,
        "file_count": content.file_count,
        "deflated_bytes": content.deflated_bytes,
        "implied_folders": content.implied_folders,
        "fingerprint": asdict(content.fingerprint),
        "columns": [len(column) for column in columns],
        "documents": [(index, len(data)) for index, data in content.documents.items()],
        "targets": list(content.targets.items()),
    }
    yield json.dumps(head).encode() + b"\n"
    yield from columns
    yield from content.documents.values()


def _unpack(data: bytes) -> LayerContent:
    line, _, rest = data.partition(b"\n")
    head = json.loads(line)
    lengths: Sequence[int] = [*head["columns"], *(length for _, length in head["documents"])]
    if len(rest) != sum(lengths):
        raise ValueError("the file does not have the length that it states")
    parts, at = list[bytes](), 0
    for length in lengths:
        parts.append(rest[at : at + length])
        at += length
    paths, kinds, sizes, digests, *documents = parts
    return LayerContent(
        shipped_bytes=head["shipped_bytes"],
        file_count=head["file_count"],
        deflated_bytes=head["deflated_bytes"],
        implied_folders=head["implied_folders"],
        fingerprint=Fingerprint(**head["fingerprint"]),
        paths=paths,
        kinds=kinds,
        sizes=array("q", sizes),
        digests=array("Q", digests),
        targets=dict(head["targets"]),
        documents={index: text for (index, _), text in zip(head["documents"], documents, strict=True)},
    )
