"""Reads images out of the stream in which an engine saves them.

The engine is trusted, so nothing is hashed, and a member's name tells which layer it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import BinaryIO

from weighbridge.cache import Cache
from weighbridge.image.content import ImageContent
from weighbridge.image.layer import LayerContent
from weighbridge.model.engine import LocalImage
from weighbridge.model.limits import Limits
from weighbridge.sources import archive_members, remembered
from weighbridge.sources.archive import Archive
from weighbridge.sources.budget import Budget
from weighbridge.sources.tar.layer import Watch, Watches


def read(
    stream: BinaryIO,
    images: Mapping[str, LocalImage],
    cache: Cache,
    *,
    on_progress: Callable[[int], None] | None,
    watches: Watches | None,
    limits: Limits,
    beside: int = 0,
) -> dict[str, ImageContent]:
    """Return the images by reference, and keep what was learned of them.

    Args:
        stream: Has all of them.
        images: Reference -> what the engine says of the image.
        cache: Has layers that were read before; this function adds the images, and the caller their layers.
        on_progress: Called with the number of bytes read so far.
        watches: Inspects the layers that were not inspected yet.
        limits: Of each image; they have them together.
        beside: How many images the engine collects at the same time for another stream.

    Raises:
        LimitExceeded: The stream exceeds the limits.
        UnreadableImage: What the engine sends is damaged.
    """
    begun = _Begun(cache, watches)
    members = archive_members.read(
        stream,
        on_progress,
        verified=False,
        known=lambda name: _find_known(name, cache),
        watching=begun.watch,
        budget=Budget(limits, ", ".join(images), images=len({each.id for each in images.values()}), beside=beside),
    )
    saved = Archive(members, limits)
    begun.keep(saved)
    # A graph driver's id is the config digest. The containerd store's id is not, and the name decides.
    found = {reference: saved.assemble_image(reference, image.id) for reference, image in images.items()}
    _remember(cache, saved, {images[reference].id: content for reference, content in found.items()})
    return found


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
