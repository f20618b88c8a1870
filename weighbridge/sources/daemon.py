"""Images out of a running engine, all in one `docker save` stream that touches no disk on this side.

What an engine says is believed, so nothing is hashed. What was read before is not read again: an image that was seen,
by the engine's own id, with all layers known, is not even asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from weighbridge.cache import Cache
from weighbridge.engine.protocol import Engine
from weighbridge.errors import EngineFault, UnreadableImage
from weighbridge.image.content import Blob, ImageContent
from weighbridge.image.layer import LayerContent
from weighbridge.model.engine import LocalImage
from weighbridge.sources import archive_members
from weighbridge.sources.archive import Archive
from weighbridge.sources.assembly import assemble
from weighbridge.sources.tar.layer import Watch


class Watches(Protocol):
    """What looks at layers, one `Watch` for each, and knows which it has seen before."""

    def has(self, diff_id: str) -> bool:
        """Tell whether that layer need not be looked at again."""

    def begin(self) -> Watch:
        """Return a watch for a layer that is about to be read."""

    def keep(self, diff_id: str, watch: Watch) -> None:
        """Take what a watch saw of a layer that was read to its end."""


def read(
    engine: Engine,
    references: Iterable[str],
    cache: Cache,
    on_progress: Callable[[int], None] | None = None,
    watches: Watches | None = None,
) -> dict[str, ImageContent]:
    """Return what the engine holds under each reference; names of the same image each get it.

    Args:
        engine: A connected engine.
        references: Names or ids of images.
        cache: What was read before, and where to keep what is known of images. Their layers the caller keeps.
        on_progress: Is told the number of bytes read so far.
        watches: What is to look at all layers; an image with one that it has not seen is read for its sake.

    Raises:
        NoSuchImage: The engine lacks one; told at once, before anything is saved.
        UnreadableImage: What the engine sends is damaged.
        EngineError: The engine fails or goes away in mid-stream.
    """
    images = {reference: engine.image(reference) for reference in references}
    found = {reference: _remembered(reference, image, cache) for reference, image in images.items()}
    unknown = [name for name, content in found.items() if content is None or not _seen(images[name], watches)]
    for name in [name for name in unknown if not images[name].diff_ids]:
        found[name] = _read_empty(engine, images[name])
        unknown.remove(name)
    if unknown:
        begun = _Begun(cache, watches)
        with engine.save(unknown) as stream:
            members = archive_members.read(
                stream, on_progress, verified=False, known=lambda name: _known(name, cache), watching=begun.watch
            )
        saved = Archive(members)
        begun.keep(saved)
        for reference in unknown:
            # A graph driver's id is the config digest. The containerd store's matches nothing: the name does, then.
            found[reference] = saved.image(reference, images[reference].id)
        _remember(cache, saved, {images[reference].id: found[reference] for reference in unknown})
    return {reference: content for reference, content in found.items() if content}


def _read_empty(engine: Engine, image: LocalImage) -> ImageContent:
    """Return an image without layers: a graph driver saves none ("empty export"), and then the engine's word counts."""
    try:
        with engine.save([image.reference]) as stream:
            return Archive(archive_members.read(stream, verified=False)).image(image.reference, image.id)
    except (EngineFault, UnreadableImage):
        return ImageContent(
            reference=image.reference,
            config=b"",
            config_digest=image.id,
            platform=image.platform,
            diff_ids=(),
            history=(),
            labels=image.labels,
            working_dir="",
            layers=(),
            blobs=(),
        )


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


def _seen(image: LocalImage, watches: Watches | None) -> bool:
    return watches is None or all(map(watches.has, image.diff_ids))


class _Begun:
    """The watches of one stream, by the member that each looks at."""

    def __init__(self, cache: Cache, watches: Watches | None) -> None:
        self._cache, self._watches, self._by_name = cache, watches, dict[str, Watch]()

    def watch(self, name: str) -> Watch | None:
        """Return a watch for a member, unless it was seen before under that name."""
        if self._watches is None or ((diff_id := _diff_id(name, self._cache)) and self._watches.has(diff_id)):
            return None
        return self._by_name.setdefault(name, self._watches.begin())

    def keep(self, saved: Archive) -> None:
        """Hand out what was seen of the layers that could be read."""
        for diff_id, name in saved.names() if self._watches else ():
            if self._watches and name in self._by_name:
                self._watches.keep(diff_id, self._by_name[name])


def _diff_id(name: str, cache: Cache) -> str:
    """Return which layer a member of that name was before; empty where none is known."""
    kept = cache.document(f"member-{name}") or {}
    return str(kept.get("diff_id", ""))


def _known(name: str, cache: Cache) -> LayerContent | None:
    """Return the layer that a member of that name was before: engines name members by their content."""
    diff_id = _diff_id(name, cache)
    return cache.layer(diff_id) if diff_id else None


def _remember(cache: Cache, saved: Archive, images: Mapping[str, ImageContent | None]) -> None:
    for image_id, content in images.items():
        if content is None:
            continue
        blobs = [(blob.digest, blob.size_bytes) if blob else None for blob in content.blobs]
        text = content.config.decode(errors="surrogateescape")
        cache.keep_document(image_id, {"config": text, "blobs": blobs})
    for diff_id, name in saved.names():
        cache.keep_document(f"member-{name}", {"diff_id": diff_id})
