"""Caches what was read of layers, by diff ID, and of an engine's images, by id. Neither ever changes its content.

The cache is files in the user's cache folder. Each appears whole or not at all, and may be deleted at any time. It
begins with a digest of its key and content, and its values must have the right types and lengths. If a file is missing,
damaged, copied from another key or of another version, it is not used, and the caller reads the layer again. The folder
stays below a limit: the files that were not used for longest are deleted first. No method here ever fails: without a
cache everything works, only slower.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from weighbridge import code_digest, files
from weighbridge.image.layer import FILE, OTHER, Fingerprint, LayerContent

VERSION = 7
"""Part of the folder's name. Raise it with every change of what is kept or how that is computed.

Only which package databases are kept needs no new version: the file of a layer has a digest of that code in its name.
"""
LIMIT_BYTES = 256 * 2**20
_LONGEST = 2**30
"""The most bytes of a file that we read; each file is far below the limit of the folder."""
_DIGEST_BYTES = 32
_PACKAGES = "weighbridge.image.packages"
_COLUMNS = ("paths", "kinds", "sizes", "digests")


def locate_user_folder() -> Path:
    """Return our folder in the user's cache folder; it need not exist, and without a home it cannot."""
    return Path(os.environ.get("XDG_CACHE_HOME") or files.find_home() / ".cache") / "weighbridge"


class Cache:
    """Layers and images that were read before."""

    def __init__(self, folder: Path | None = None, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = (folder or locate_user_folder() / "layers") / f"{VERSION}-{sys.byteorder}"
        self._limit_bytes = limit_bytes

    def has_layer(self, diff_id: str, *, estimated: bool = False) -> bool:
        """Tell whether the cache has a file for a layer; with `estimated`, one that has an estimate of pull bytes."""
        return any(self._locate(key).exists() for key in _list_keys(diff_id, estimated=estimated))

    def touch_layer(self, diff_id: str, *, estimated: bool = False) -> bool:
        """Mark a layer as used, because what was worked out of it is; return False if `read_layer` finds none."""
        return any(self._read(key) is not None for key in _list_keys(diff_id, estimated=estimated))

    def read_layer(self, diff_id: str, *, estimated: bool = False) -> LayerContent | None:
        """Return a layer's content; None if the cache does not have it, or not with the estimate that is wanted."""
        found = map(self._read_layer, _list_keys(diff_id, estimated=estimated))
        return next((content for content in found if content), None)

    def _read_layer(self, key: str) -> LayerContent | None:
        data = self._read(key)
        try:
            return None if data is None else _unpack(zlib.decompress(data))
        except (zlib.error, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            self._drop(key)
            return None

    def keep_layer(self, diff_id: str, content: LayerContent) -> None:
        """Write a layer's content to the cache, unless that has it already."""
        estimated = content.deflated_bytes is not None
        if self.has_layer(diff_id, estimated=estimated):
            return
        from isal import isal_zlib  # noqa: PLC0415 - who finds all layers here packs none

        packer = isal_zlib.compressobj(1)  # four times as fast as zlib, which reads it again
        parts = [packer.compress(part) for part in _iterate_parts(content)]
        self._write(_list_keys(diff_id)[not estimated], b"".join([*parts, packer.flush()]))

    def keep_layers(self, diff_ids: Iterable[str], layers: Iterable[LayerContent]) -> None:
        """Write the content of an image's layers to the cache, as `keep_layer` does."""
        for diff_id, content in zip(diff_ids, layers, strict=True):
            self.keep_layer(diff_id, content)

    def has_document(self, key: str) -> bool:
        """Tell whether the cache has the JSON object of a key, whole."""
        return self._read(key) is not None

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

    def read_bytes(self, key: str) -> bytes | None:
        """Return the bytes of a key; None if the cache does not have them."""
        return self._read(key)

    def keep_bytes(self, key: str, data: bytes) -> None:
        """Write bytes to the cache."""
        self._write(key, data)

    def compute_code_digest(self, *modules: str) -> str:
        """Return what `code_digest` computes for modules of ours; the files are read only after one of them changed."""
        key = "code-" + hashlib.sha256("\0".join(modules).encode()).hexdigest()
        kept: Mapping[str, Any] = self.read_document(key) or {}
        with suppress(OSError, TypeError):
            if kept and kept.get("files") == code_digest.describe_files(kept["files"]):
                return str(kept["digest"])
        found = code_digest.collect_files(*modules)
        # A folder changes when a module is added that another name may lead to from now on.
        described = code_digest.describe_files(sorted(found | {str(Path(each).parent) for each in found}))
        digest = code_digest.compute_digest(*modules)
        self.keep_document(key, {"digest": digest, "files": described})
        return digest

    def _locate(self, key: str) -> Path:
        return self._folder / key.replace(":", "-").replace("/", "-")

    def _drop(self, key: str) -> None:
        """Delete a damaged file, so that it is written again."""
        with suppress(OSError):
            self._locate(key).unlink()

    def _read(self, key: str) -> bytes | None:
        """Return what was written under a key; None if there is no such file, or its digest is not the key's."""
        try:
            data = files.read(self._locate(key), _LONGEST)
        except OSError:
            return None
        with suppress(OSError):  # marks it as used, unless its folder is read-only
            os.utime(self._locate(key))
        content = data[_DIGEST_BYTES:]
        if data[:_DIGEST_BYTES] == self._compute_digest(key, content):
            return content
        self._drop(key)
        return None

    def _compute_digest(self, key: str, content: bytes) -> bytes:
        return hashlib.sha256(f"{self._folder.name}\0{key}\0".encode(errors="surrogateescape") + content).digest()

    def _write(self, key: str, data: bytes) -> None:
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            files.replace(self._locate(key), self._compute_digest(key, data) + data, private=True)
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


def _list_keys(diff_id: str, *, estimated: bool = False) -> tuple[str, ...]:
    """Return the key of a layer with an estimate of its pull bytes and, if that need not be, the key of one without.

    When an ecosystem is added, the layer is read again for its databases.
    """
    key = f"{diff_id}-{code_digest.compute_digest(_PACKAGES)[:16]}"
    return (key,) if estimated else (key, f"{key}-packed")


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
    """Return a layer's content; raise `ValueError`, `LookupError` or `TypeError` if the data does not hold one."""
    line, _, rest = data.partition(b"\n")
    head = json.loads(line)
    indexes = [_check_number(index) for index, _ in head["documents"]]
    lengths = [_check_number(length) for length in (*head["columns"], *(length for _, length in head["documents"]))]
    if len(rest) != sum(lengths):
        raise ValueError("the file does not have the length that it states")
    parts, at = list[bytes](), 0
    for length in lengths:
        parts.append(rest[at : at + length])
        at += length
    paths, kinds, sizes, digests, *documents = parts
    content = LayerContent(
        shipped_bytes=_check_number(head["shipped_bytes"]),
        file_count=_check_number(head["file_count"]),
        deflated_bytes=None if head["deflated_bytes"] is None else _check_number(head["deflated_bytes"]),
        implied_folders=_check_number(head["implied_folders"]),
        fingerprint=Fingerprint(**{name: _check_number(each) for name, each in head["fingerprint"].items()}),
        paths=paths,
        kinds=kinds,
        sizes=array("q", sizes),
        digests=array("Q", digests),
        targets={_check_number(index): _check_text(target) for index, target in head["targets"]},
        documents=dict(zip(indexes, documents, strict=True)),
    )
    _check_columns(content)
    return content


def _check_number(value: object) -> int:
    if type(value) is not int or value < 0:  # a bool is an int, too
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _check_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _check_columns(content: LayerContent) -> None:
    """Raise `ValueError` if the columns do not describe the same entries."""
    count = content.entry_count
    if not count == len(content.sizes) == len(content.digests) == content.paths.count(0):
        raise ValueError("the columns have unlike lengths")
    if not content.paths.endswith(b"\0" * bool(count)) or (not count and content.paths):
        raise ValueError("the last path has no end")
    if max(content.kinds, default=FILE) > OTHER or min(content.sizes, default=0) < 0:
        raise ValueError("an entry has no such kind or size")
    if any(index >= count for index in (*content.targets, *content.documents)):
        raise ValueError("a target or a document belongs to no entry")
