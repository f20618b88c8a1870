"""Reads images from a running engine: in its own folder, or in `docker save` streams that are written nowhere.

The engine is trusted, so the layers of its stream are not hashed. The cache spares repeated reading: if it has an image
by the engine's id, and all of its layers, the engine is not asked for that image at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

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
        yield from _Saver(engine, cache, on_progress, watches, limits, while_waiting).save_all(wanted)


@dataclass(slots=True)
class _Saver:
    """Reads images out of an engine's streams."""

    engine: ImageStore
    cache: Cache
    on_progress: Callable[[int], None] | None
    watches: Watches | None
    limits: Limits
    while_waiting: Callable[[], object]
    _count: int = 0
    """Bytes read so far, of all streams."""

    def save_all(self, images: Mapping[str, LocalImage]) -> Iterator[tuple[str, ImageContent]]:
        """Yield images by reference. A graph driver saves none without layers: for these the engine's word counts."""
        full = {reference: image for reference, image in images.items() if image.diff_ids}
        if len(groups := self._choose_groups(full)) > 1:
            with suppress(EngineFault):  # it may have space for one stream, and not for two
                for reference, content in self._save_groups(groups):
                    del full[reference]
                    yield reference, content
        if full:
            yield from self._save_groups([full])
        if empty := {reference: image for reference, image in images.items() if not image.diff_ids}:
            try:
                yield from [*self._save_groups([empty])]
            except EngineFault:
                yield from ((reference, _describe_empty(image)) for reference, image in empty.items())

    def _choose_groups(self, images: Mapping[str, LocalImage]) -> Sequence[Mapping[str, LocalImage]]:
        # A containerd store sends layers while it collects them, so two streams would only share one machine.
        if len(images) > 1 and self.engine.can_save_at_once and self.engine.identity.store != "containerd":
            return _divide(images)
        return [images]

    def _save_groups(self, groups: Sequence[Mapping[str, LocalImage]]) -> Iterator[tuple[str, ImageContent]]:
        """Yield the images of groups, each of which comes in a stream of its own; the last is read first."""
        count = sum(map(len, groups))
        with ExitStack() as stack:
            opened = [(group, stack.enter_context(self.engine.save([*group]))) for group in groups]
            self.while_waiting()
            for group, stream in reversed(opened):
                yield from self._read(stream, group, beside=count - len(group)).items()

    def _read(self, stream: BinaryIO, images: Mapping[str, LocalImage], *, beside: int) -> Mapping[str, ImageContent]:
        from weighbridge.sources import saved  # noqa: PLC0415 - meanwhile the engine collects the images

        before = self._count

        def tell(count: int) -> None:
            self._count = before + count
            if self.on_progress:
                self.on_progress(self._count)

        return saved.read(
            stream,
            images,
            self.cache,
            on_progress=tell,
            watches=self.watches,
            limits=self.limits,
            beside=beside,
        )


def _divide(images: Mapping[str, LocalImage]) -> Sequence[Mapping[str, LocalImage]]:
    """Return images in groups for the engine to collect at the same time, that with the most bytes first.

    It takes the engine seconds, in one thread for each group. The largest image is one, with those that have most of
    their layers in common with it: what two groups share, the engine collects twice.
    """
    largest = {*max(images.values(), key=lambda each: each.size_bytes).diff_ids}
    alike = {
        reference for reference, image in images.items() if _count_shared(image, largest) * 2 > len(image.diff_ids)
    }
    first = {reference: image for reference, image in images.items() if reference in alike}
    rest = {reference: image for reference, image in images.items() if reference not in alike}
    return sorted(filter(None, (first, rest)), key=lambda group: -sum(each.size_bytes for each in group.values()))


def _count_shared(image: LocalImage, layers: Collection[str]) -> int:
    return sum(diff_id in layers for diff_id in image.diff_ids)


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
