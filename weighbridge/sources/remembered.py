"""Remembers the config and the blobs of an engine's images, by the engine's id: a cached image needs no engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from weighbridge.cache import Cache
from weighbridge.image.content import Blob, ImageContent


@dataclass(frozen=True, slots=True)
class Remembered:
    """What an image is made of, besides its layers."""

    config: bytes
    blobs: tuple[Blob | None, ...]
    """As in `ImageContent`."""


def read(cache: Cache, image_id: str) -> Remembered | None:
    """Return what is known of an image; None if nothing is, or if someone changed the cached file."""
    kept: Mapping[str, Any] = cache.read_document(image_id) or {}
    try:
        config = kept["config"].encode(errors="surrogateescape")
        return Remembered(config, tuple(_read_blob(each) for each in kept["blobs"]))
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def keep(cache: Cache, image_id: str, content: ImageContent) -> None:
    """Add an image to the cache."""
    blobs = [(blob.digest, blob.size_bytes) if blob else None for blob in content.blobs]
    cache.keep_document(image_id, {"config": content.config.decode(errors="surrogateescape"), "blobs": blobs})


def recall_documents(cache: Cache, fetch: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """Return a function that fetches documents by their digests, and none of them twice, in no run.

    A document that is kept and does not have its digest is fetched again; one that is fetched the caller checks.
    """

    def recall(digest: str) -> bytes:
        key = f"document-{digest}"
        kept = cache.read_bytes(key)
        if kept is not None and _is_of(kept, digest):
            return kept
        data = fetch(digest)
        if _is_of(data, digest):
            cache.keep_bytes(key, data)
        return data

    return recall


def _is_of(data: bytes, digest: str) -> bool:
    return digest == f"sha256:{sha256(data).hexdigest()}"


def _read_blob(value: Any) -> Blob | None:
    """Return a blob of a cached document; raise `ValueError` or `TypeError` if it is not one that `keep` wrote."""
    if value is None:
        return None
    digest, size = value
    if not isinstance(digest, str) or type(size) is not int or size < 0:
        raise TypeError(f"{value!r} is not a digest and a size")
    return Blob(digest=digest, size_bytes=size)
