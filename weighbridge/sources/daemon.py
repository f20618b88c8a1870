"""Reads images from a running engine: in its own folder, or all in one `docker save` stream that is written nowhere.

The engine is trusted, so the layers of its stream are not hashed. The cache spares repeated reading: if it has an image
by the engine's id, and all of its layers, the engine is not asked for that image at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weighbridge.cache import Cache
from weighbridge.engine.protocol import ImageStore
from weighbridge.errors import EngineFault, LimitExceeded, UnreadableImage
from weighbridge.image.content import ImageContent
from weighbridge.model.engine import LocalImage
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.sources import remembered
from weighbridge.sources.budget import check_count
from weighbridge.sources.local import access
from weighbridge.sources.local.reading import Note, Reading, note_nothing, wait_idly

if TYPE_CHECKING:  # an engine begins to collect images before what reads them is loaded
    from weighbridge.sources.processes.pool import Pool
    from weighbridge.sources.tar.layer import Watches


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
    while_waiting: Callable[[], object] = wait_idly,
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
        while_waiting: Called when others have begun to read or to collect, before this process waits for them.

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
    obstacle = access.find_obstacle(engine.data_root) if local_store else "its folder is not to be read"
    if wanted and obstacle:
        on_note(f"Read through the engine: {', '.join(wanted)}; {obstacle}")
    elif wanted:
        from weighbridge.sources.local import store  # noqa: PLC0415 - as below

        reading = Reading(
            cache=cache,
            on_progress=on_progress,
            watches=watches,
            limits=limits,
            pool=pool,
            on_note=on_note,
            while_waiting=while_waiting,
        )
        for reference, content in store.read(engine.data_root, wanted.copy(), reading):
            remembered.keep(cache, wanted.pop(reference).id, content)
            yield reference, content
    if wanted:
        yield from _Saver(engine, cache, on_progress, watches, limits, while_waiting).save_all(wanted).items()


@dataclass(frozen=True, slots=True)
class _Saver:
    """Reads images out of an engine's stream."""

    engine: ImageStore
    cache: Cache
    on_progress: Callable[[int], None] | None
    watches: Watches | None
    limits: Limits
    while_waiting: Callable[[], object]

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
        """Return images by reference, from one stream with all of them."""
        with self.engine.save([*images]) as stream:
            from weighbridge.sources import saved  # noqa: PLC0415 - meanwhile the engine collects the images

            self.while_waiting()
            return saved.read(
                stream,
                images,
                self.cache,
                on_progress=self.on_progress,
                watches=self.watches,
                limits=self.limits,
            )


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
    from weighbridge.sources.assembly import assemble  # noqa: PLC0415 - loads what most images do not need

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
