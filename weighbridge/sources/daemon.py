"""Reads images from a running engine: in its own folder, or all in one `docker save` stream that is written nowhere.

The engine is trusted, so the layers of its stream are not hashed. The cache spares repeated reading: if it has an image
by the engine's id, and all of its layers, the engine is not asked for that image at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from weighbridge.cache import Cache
from weighbridge.engine.protocol import ImageStore
from weighbridge.errors import EngineFault, LimitExceeded, UnreadableImage
from weighbridge.image.content import ImageContent
from weighbridge.image.layer import LayerContent
from weighbridge.model.engine import LocalImage
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.sources import archive_members, remembered
from weighbridge.sources.archive import Archive
from weighbridge.sources.assembly import assemble
from weighbridge.sources.budget import Budget, check_count
from weighbridge.sources.local import store
from weighbridge.sources.local.reading import Note, Reading, note_nothing
from weighbridge.sources.processes.pool import Pool
from weighbridge.sources.tar.layer import Watch, Watches


def read(
    engine: ImageStore,
    references: Iterable[str],
    cache: Cache,
    on_progress: Callable[[int], None] | None = None,
    watches: Watches | None = None,
    *,
    limits: Limits = DEFAULT,
    local_store: bool = False,
    pool: Pool | None = None,
    on_note: Note = note_nothing,
) -> Iterator[tuple[str, ImageContent]]:
    """Yield each reference and the image that the engine has under it, as soon as it is read.

    Several references may name one image.

    Args:
        engine: A connected engine.
        references: Names or ids of images.
        cache: Has layers and images that were read before. This function adds images; the caller adds the layers of
            each, best before it asks for the next, which may share them.
        on_progress: Called with the number of bytes read so far.
        watches: Inspects all layers. An image with a layer that was not inspected yet is read again.
        limits: The limits of each image. Images that are read in one stream have them together.
        local_store: Whether to read in the engine's own folder what can be read there.
        pool: Reads several layers there at once; None: this process reads them all.
        on_note: Called with one line for each image that is read there, or why it is not.

    Raises:
        LimitExceeded: An image exceeds a limit, or the stream exceeds those of all its images.
        NoSuchImage: The engine lacks one of the images; raised before the engine saves anything.
        UnreadableImage: What the engine sends is damaged.
        EngineError: The engine fails or goes away in mid-stream.
    """
    images = {reference: engine.inspect_image(reference) for reference in references}
    for reference, image in images.items():
        check_count("layers", len(image.diff_ids), limits, reference)
    wanted = dict[str, LocalImage]()
    for reference, image in images.items():
        content = recall(reference, image, cache, limits) if _is_seen(image, watches) else None
        if content:
            yield reference, content
        else:
            wanted[reference] = image
    if wanted and not local_store:
        on_note(f"Read through the engine: {', '.join(wanted)}; its folder is not to be read")
    elif wanted:
        reading = Reading(
            cache=cache, on_progress=on_progress, watches=watches, limits=limits, pool=pool, on_note=on_note
        )
        for reference, content in store.read(engine.data_root, wanted.copy(), reading):
            remembered.keep(cache, wanted.pop(reference).id, content)
            yield reference, content
    if wanted:
        yield from _Saver(engine, cache, on_progress, watches, limits).save_all(wanted).items()


@dataclass(frozen=True, slots=True)
class _Saver:
    """Reads images out of an engine's stream."""

    engine: ImageStore
    cache: Cache
    on_progress: Callable[[int], None] | None
    watches: Watches | None
    limits: Limits

    def save_all(self, images: Mapping[str, LocalImage]) -> dict[str, ImageContent]:
        """Return images by reference; a graph driver saves none without layers: for these the engine's word counts."""
        try:
            return self.save(images)
        except EngineFault:
            rest = {reference: image for reference, image in images.items() if image.diff_ids}
            if len(rest) == len(images):
                raise
        empty = {reference: _describe_empty(image) for reference, image in images.items() if not image.diff_ids}
        return empty | (self.save(rest) if rest else {})

    def save(self, images: Mapping[str, LocalImage]) -> dict[str, ImageContent]:
        """Read one stream with all of these images; return them by reference, and keep what was learned of them."""
        begun = _Begun(self.cache, self.watches)
        budget = Budget(self.limits, ", ".join(images), images=len({each.id for each in images.values()}))
        with self.engine.save([*images]) as stream:
            members = archive_members.read(
                stream,
                self.on_progress,
                verified=False,
                known=lambda name: _find_known(name, self.cache),
                watching=begun.watch,
                budget=budget,
            )
        saved = Archive(members, self.limits)
        begun.keep(saved)
        # A graph driver's id is the config digest. The containerd store's id is not, and the name decides.
        found = {reference: saved.assemble_image(reference, image.id) for reference, image in images.items()}
        _remember(self.cache, saved, {images[reference].id: content for reference, content in found.items()})
        return found


def _describe_empty(image: LocalImage) -> ImageContent:
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


def recall(reference: str, image: LocalImage, cache: Cache, limits: Limits) -> ImageContent | None:
    """Return an image from the cache; None if the cache lacks any part of it.

    Raises:
        LimitExceeded: The image exceeds a limit.
    """
    kept = remembered.read(cache, image.id)
    if kept is None or len(kept.blobs) != len(image.diff_ids):
        return None
    pairs = zip(image.diff_ids, kept.blobs, strict=True)
    layers = [cache.read_layer(diff_id, estimated=blob is None) for diff_id, blob in pairs]
    if any(layer is None for layer in layers):
        return None
    try:
        return assemble(reference, kept.config, [layer for layer in layers if layer is not None], kept.blobs, limits)
    except LimitExceeded:
        raise
    except (ValueError, UnreadableImage):
        return None  # someone changed the cached file: it does not describe an image


def _is_seen(image: LocalImage, watches: Watches | None) -> bool:
    return watches is None or all(map(watches.has, image.diff_ids))


class _Begun:
    """The watches of one stream, by the name of the member that each inspects."""

    def __init__(self, cache: Cache, watches: Watches | None) -> None:
        self._cache, self._watches, self._by_name = cache, watches, dict[str, Watch]()

    def watch(self, name: str) -> Watch | None:
        """Return a watch for a member, or None if that layer was inspected before."""
        if self._watches is None or ((diff_id := _find_diff_id(name, self._cache)) and self._watches.has(diff_id)):
            return None
        return self._by_name.setdefault(name, self._watches.begin())

    def keep(self, saved: Archive) -> None:
        """Keep what the watches found in the layers that could be read."""
        for diff_id, name in saved.iterate_names() if self._watches else ():
            if self._watches and name in self._by_name:
                self._watches.keep(diff_id, self._by_name[name])


def _find_diff_id(name: str, cache: Cache) -> str:
    """Return the diff ID that the cache has for a member's name; empty if it has none."""
    kept = cache.read_document(f"member-{name}") or {}
    return str(kept.get("diff_id", ""))


def _find_known(name: str, cache: Cache) -> LayerContent | None:
    """Return the cached layer of a member's name: engines name members by their content, so the name is enough."""
    diff_id = _find_diff_id(name, cache)
    return cache.read_layer(diff_id) if diff_id else None


def _remember(cache: Cache, saved: Archive, images: Mapping[str, ImageContent]) -> None:
    for image_id, content in images.items():
        remembered.keep(cache, image_id, content)
    for diff_id, name in saved.iterate_names():
        cache.keep_document(f"member-{name}", {"diff_id": diff_id})
