"""Counts what is read of one image, or of several in one stream, and stops the reading at the image's limits.

A `Budget` here has nothing to do with the budgets of the settings, which say how much an image may weigh.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Literal

from weighbridge.errors import LimitExceeded
from weighbridge.image.layer import LayerContent
from weighbridge.model.limits import Limits
from weighbridge.quoting import quote

Resource = Literal["layers", "history_steps", "entries", "unpacked_bytes", "document_bytes", "seconds"]
_WORDS: dict[Resource, tuple[str, str]] = {
    "layers": ("has more than {} layers", "layers"),
    "history_steps": ("has more than {} history steps", "history_steps"),
    "entries": ("has more than {} files and folders", "entries"),
    "unpacked_bytes": ("has more than {} bytes of unpacked layers", "unpacked"),
    "document_bytes": ("has more than {} bytes of documents, package databases and paths", "documents"),
    "seconds": ("takes more than {} seconds to read", "seconds"),
}
"""What an error says of each resource, and the key of its limit in invoke.yaml."""

_NOTHING: dict[Resource, int] = {"entries": 0, "unpacked_bytes": 0, "document_bytes": 0}
"""A `Counter` takes far longer for what it does not have."""


def describe_excess(resource: Resource, limits: Limits, name: str, images: int = 1) -> LimitExceeded:
    """Return the error that says which limit was exceeded, and which setting raises it.

    Args:
        resource: What there is too much of.
        limits: The limits of one image.
        name: What the error calls what was read.
        images: How many images were read together.
    """
    words, key = _WORDS[resource]
    most = f"{getattr(limits, resource) * images:,}"
    whose = "an image" if images == 1 else f"{images} images"
    return LimitExceeded(
        f"{quote(name)} {words.format(most)}, the limit for {whose}",
        advice=f"Raise limits.{key} in the settings if that is right.",
    )


def check_count(resource: Resource, count: int, limits: Limits, name: str) -> None:
    """Raise `LimitExceeded` if one image has more of a resource than its limit."""
    if count > getattr(limits, resource):
        raise describe_excess(resource, limits, name)


class Budget:
    """What may still be read of one image, or of several images in one stream. Its clock starts when it is made."""

    def __init__(
        self,
        limits: Limits,
        name: str,
        images: int = 1,
        clock: Callable[[], float] = time.monotonic,
        *,
        beside: int = 0,
    ) -> None:
        """Begin with nothing spent.

        Args:
            limits: The limits of one image.
            name: What an error calls what is read.
            images: How many images are read together; each adds the limits of one.
            clock: Returns the time in seconds.
            beside: How many other images are read at the same time. While this one waits for them its time goes on, so
                it has theirs, too.
        """
        self.limits, self._name, self._images, self._clock = limits, name, images, clock
        self._waiting = images + beside
        self._spent = Counter[Resource](_NOTHING)
        self._entries, self._documents = limits.entries * images, limits.document_bytes * images
        self._unpacked, self._end = limits.unpacked_bytes * images, clock() + limits.seconds * self._waiting
        self._archive_bytes = 0

    @property
    def spent(self) -> Counter[Resource]:
        """How much was spent so far, without what an archive of images took by itself."""
        return self._spent.copy()

    def spend_all(self, spent: Counter[Resource]) -> None:
        """Count what was spent elsewhere, by a copy of this budget in another process.

        Raises:
            LimitExceeded: That and what was spent here is too much.
        """
        self.spend_chunk(spent["unpacked_bytes"], spent["entries"], spent["document_bytes"])
        self._spent["entries"] += spent["entries"]
        self._spent["document_bytes"] += spent["document_bytes"]

    def spend_chunk(self, size: int, entries: int = 0, document_bytes: int = 0) -> None:
        """Count the next bytes of a layer, and check what of it is in memory so far, which is not counted yet.

        Called for each chunk, not for each entry, so that it costs nothing measurable.

        Raises:
            LimitExceeded: There are too many bytes, entries or documents, or the time is over.
        """
        self._spent["unpacked_bytes"] += size
        if self._spent["unpacked_bytes"] > self._unpacked:
            raise self._describe("unpacked_bytes")
        self._check_kept(entries, document_bytes)
        self.check_time()

    def spend_layer(self, layer: LayerContent) -> None:
        """Count the entries and documents of a layer, whether it was read now or known from before.

        Raises:
            LimitExceeded: There are too many.
        """
        self._check_kept(layer.node_count, layer.kept_bytes)
        self._spent["entries"] += layer.node_count
        self._spent["document_bytes"] += layer.kept_bytes

    def spend_document(self, size: int) -> None:
        """Count the bytes of a manifest, an index or a config.

        Raises:
            LimitExceeded: There are too many.
        """
        self._check_kept(0, size)
        self._spent["document_bytes"] += size
        self.check_time()

    def meter_documents(self, fetch: Callable[[str], bytes]) -> Callable[[str], bytes]:
        """Return a function that fetches documents as the given one does, and counts their bytes."""

        def fetch_counted(digest: str) -> bytes:
            data = fetch(digest)
            self.spend_document(len(data))
            return data

        return fetch_counted

    def spend_archive(self, size: int) -> None:
        """Count the next bytes of an archive of images after its own decompression.

        They have the limit of unpacked layers, but are counted apart: a layer is read out of them.

        Raises:
            LimitExceeded: There are too many, or the time is over.
        """
        self._archive_bytes += size
        if self._archive_bytes > self._unpacked:
            raise self._describe("unpacked_bytes")
        self.check_time()

    def check_time(self) -> None:
        """Raise `LimitExceeded` if the time is over."""
        if self._clock() > self._end:
            raise self._describe("seconds")

    def _check_kept(self, entries: int, document_bytes: int) -> None:
        if self._spent["entries"] + entries > self._entries:
            raise self._describe("entries")
        if self._spent["document_bytes"] + document_bytes > self._documents:
            raise self._describe("document_bytes")

    def _describe(self, resource: Resource) -> LimitExceeded:
        images = self._waiting if resource == "seconds" else self._images
        return describe_excess(resource, self.limits, self._name, images)


class FolderCount:
    """Counts the folders of one layer that exist only in the paths of its entries, since no earlier entry lists them.

    A single path can name two thousand folders, each of which takes as much memory as an entry.
    """

    def __init__(self) -> None:
        self._seen, self._last, self.implied = set[int](), "", 0

    def list_folder(self, path: str) -> None:
        """Note that an entry lists a folder."""
        self._seen.add(hash(path))

    def enter(self, folder: str) -> None:
        """Count the folder that an entry lies in, and those above it, if they are new."""
        if folder == self._last:
            return
        self._last = folder
        while folder and (key := hash(folder)) not in self._seen:  # a digest: the paths would take too much memory
            self._seen.add(key)
            self.implied += 1
            folder = folder.rpartition("/")[0]
