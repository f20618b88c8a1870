"""Images out of a running engine, all in one `docker save` stream that touches no disk on this side.

What an engine says is believed, so nothing is hashed. What was read before is not read again: an image that was seen,
by the engine's own id, with all layers known, is not even asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from weighbridge.cache import Cache
from weighbridge.engine import Engine
from weighbridge.errors import UnreadableImage
from weighbridge.layers import LayerContent
from weighbridge.model import LocalImage
from weighbridge.sources import Blob, ImageContent, archive
from weighbridge.sources.assembly import assemble
from weighbridge.sources.saved import Archive


def read(
    engine: Engine,
    references: Iterable[str],
    cache: Cache,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, ImageContent]:
    """Return what the engine holds under each reference; names of the same image each get it.

    Args:
        engine: A connected engine.
        references: Names or ids of images.
        cache: What was read before, and where to keep what is known of images. Their layers the caller keeps.
        on_progress: Is told the number of bytes read so far.

    Raises:
        NoSuchImage: The engine lacks one; told at once, before anything is saved.
        UnreadableImage: What the engine sends is damaged.
        EngineError: The engine fails or goes away in mid-stream.
    """
    images = {reference: engine.image(reference) for reference in references}
    found = {reference: _remembered(reference, image, cache) for reference, image in images.items()}
    unknown = [reference for reference, content in found.items() if content is None]
    if unknown:
        with engine.save(unknown) as stream:
            members = archive.read(stream, on_progress, verified=False, known=lambda name: _known(name, cache))
        saved = Archive(members)
        for reference in unknown:
            # A graph driver's id is the config digest. The containerd store's matches nothing: the name does, then.
            found[reference] = saved.image(reference, images[reference].id)
        _remember(cache, saved, {images[reference].id: found[reference] for reference in unknown})
    return {reference: content for reference, content in found.items() if content}


def _remembered(reference: str, image: LocalImage, cache: Cache) -> ImageContent | None:
    """Return an image that was read before; None where any part of it is not known."""
    kept: Mapping[str, Any] = cache.document(image.id) or {}
    layers = [cache.layer(diff_id) for diff_id in image.diff_ids] if kept else [None]
    if any(layer is None for layer in layers):
        return None
    try:
        blobs = [Blob(digest=each[0], size_bytes=each[1]) if each else None for each in kept["blobs"]]
        config = str(kept["config"]).encode(errors="surrogateescape")
        return assemble(reference, config, [layer for layer in layers if layer is not None], blobs)
    except (LookupError, TypeError, ValueError, UnreadableImage):
        return None  # somebody wrote into the cache: what it says is no image


def _known(name: str, cache: Cache) -> LayerContent | None:
    """Return the layer that a member of that name was before: engines name members by their content."""
    kept = cache.document(f"member-{name}") or {}
    return cache.layer(str(kept["diff_id"])) if "diff_id" in kept else None


def _remember(cache: Cache, saved: Archive, images: Mapping[str, ImageContent | None]) -> None:
    for image_id, content in images.items():
        if content is None:
            continue
        blobs = [(blob.digest, blob.size_bytes) if blob else None for blob in content.blobs]
        text = content.config.decode(errors="surrogateescape")
        cache.keep_document(image_id, {"config": text, "blobs": blobs})
    for diff_id, name in saved.names():
        cache.keep_document(f"member-{name}", {"diff_id": diff_id})
