"""Reads the layers of an image from their blobs, one after the other or several at once, and checks their digests."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from threading import Lock

from weighbridge.errors import LimitExceeded, UnreadableImage
from weighbridge.image.layer import LayerContent
from weighbridge.quoting import quote
from weighbridge.sources.blob_folder import BlobFolder, LayerBlob, read_blob_alone
from weighbridge.sources.budget import Budget
from weighbridge.sources.oci.descriptors import Descriptor
from weighbridge.sources.oci.manifests import check_algorithm
from weighbridge.sources.processes.pool import Pool
from weighbridge.sources.tar import compression
from weighbridge.sources.tar.alone import ReadAlone, read_stream
from weighbridge.sources.tar.bounded import Bounded, SourceFailed, open_bounded
from weighbridge.sources.tar.compression import Readable
from weighbridge.sources.tar.gzip_estimate import get_process
from weighbridge.sources.tar.headers import DamagedArchive
from weighbridge.sources.tar.layer import ReadLayer, read_layer
from weighbridge.sources.tar.reader import CHUNK_BYTES

Open = Callable[[Descriptor], AbstractContextManager[Readable]]
"""Opens the blob that a descriptor describes."""
Source = BlobFolder | Open
"""Where blobs are. Other processes open those of a folder themselves; what else there is, only this one can."""
Progress = Callable[[int], None]
"""Called with the number of bytes read so far."""

# What the readers and the decompressors raise on damaged bytes.
_DAMAGE: tuple[type[Exception], ...] = (DamagedArchive, *compression.DAMAGE)


def check_layer(read: ReadLayer, *, diff_id: str, digest: str, name: str) -> None:
    """Compare a layer's digests with those that the config and the manifest state.

    Args:
        read: The layer. A digest that was not computed is not compared.
        diff_id: The diff ID in the config.
        digest: The blob's digest in the manifest; empty if there is no manifest that states one.
        name: What an error calls the layer.

    Raises:
        UnreadableImage: A digest differs.
    """
    computed = read.blob.digest if read.blob else read.diff_id
    if computed and digest and computed != digest:
        raise UnreadableImage(f"{name} is damaged: its digest is {computed[:19]}…, not {digest[:19]}…")
    if read.diff_id and read.diff_id != diff_id:
        raise UnreadableImage(
            f"{name} is not the layer that the config lists: unpacked, its digest is {read.diff_id[:19]}…, not "
            f"{diff_id[:19]}…"
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """A layer to read."""

    blob: LayerBlob
    described: Descriptor
    """Of that blob."""
    diff_id: str


class Tally:
    """Counts the bytes that are read, in several threads, and reports how many there were in all."""

    def __init__(self, on_progress: Progress | None) -> None:
        """Begin with none."""
        self._on_progress, self._total, self._lock = on_progress, 0, Lock()

    def __call__(self, size: int) -> None:
        """Count more bytes."""
        with self._lock:
            self._total += size
            if self._on_progress:
                self._on_progress(self._total)


class Blobs:
    """Reads layers, and checks them against the config and the manifest."""

    def __init__(self, source: Source, tally: Tally, budget: Budget) -> None:
        self._source, self._tally, self._budget = source, tally, budget
        self._begun = dict[str, Callable[[], ReadLayer]]()

    def begin(self, wanted: Wanted, pool: Pool) -> None:
        """Let another process read a layer."""
        if isinstance(self._source, BlobFolder):
            future = pool.submit(read_blob_alone, self._source, wanted.blob, self._budget, on_bytes=self._tally)
        else:
            estimated = wanted.blob.is_estimated
            future = pool.submit_stream(read_stream, self._budget, estimated, source=lambda: self._open(wanted))

        def wait() -> ReadLayer:
            read: ReadAlone = future.result()
            self._budget.spend_all(read.spent)
            return read.layer

        self._begun[wanted.diff_id] = wait

    def has_begun(self, diff_id: str) -> bool:
        """Tell whether another process reads a layer, or has read it."""
        return diff_id in self._begun

    def read(self, wanted: Wanted) -> LayerContent:
        """Return a layer: wait for the process that reads it, or read it here.

        Raises:
            LimitExceeded: The image exceeds a limit.
            UnreadableImage: The layer is missing or damaged.
        """
        return self._read(wanted, self._begun.pop(wanted.diff_id, partial(self._read_here, wanted)))

    def _read(self, wanted: Wanted, read: Callable[[], ReadLayer]) -> LayerContent:
        """Return a layer that `read` reads; if registries must not hand it out, the error says where it comes from."""
        try:
            check_algorithm(wanted.described, wanted.blob.name)
            layer = self._explain(wanted, read)
            check_layer(layer, diff_id=wanted.diff_id, digest=wanted.blob.digest, name=wanted.blob.name)
        except LimitExceeded:
            raise
        except UnreadableImage as error:
            if not wanted.described.is_foreign:
                raise
            raise _describe_foreign(wanted) from error
        return layer.content

    def _explain(self, wanted: Wanted, read: Callable[[], ReadLayer]) -> ReadLayer:
        """Read a layer; name it in errors, unless they come from the source and say it themselves."""
        try:
            return read()
        except SourceFailed as failed:
            raise failed.error from failed
        except _DAMAGE as error:
            text = quote(error) or type(error).__name__
            raise UnreadableImage(f"{wanted.blob.name} is damaged: {text}") from error
        except LimitExceeded:
            raise
        except UnreadableImage as error:
            raise UnreadableImage(f"{wanted.blob.name} cannot be read: {error.message}", advice=error.advice) from error

    def _read_here(self, wanted: Wanted) -> ReadLayer:
        with self._open(wanted) as bounded:
            stream = io.BufferedReader(bounded, CHUNK_BYTES)
            get_packer = get_process if wanted.blob.is_estimated else None
            return read_layer(stream, stream.peek(4), budget=self._budget, get_packer=get_packer)

    def _open(self, wanted: Wanted) -> AbstractContextManager[Bounded]:
        """Open a layer's blob. Raises what `open_bounded` raises."""
        source, blob = self._source, wanted.blob
        opening = (
            partial(source.open_blob, blob.digest)
            if isinstance(source, BlobFolder)
            else partial(source, wanted.described)
        )
        return open_bounded(opening, blob.size, blob.name, self._tally)


def _describe_foreign(wanted: Wanted) -> UnreadableImage:
    described = wanted.described
    place = (
        f"it comes from {quote(described.urls[0])}"
        if described.urls
        else "its descriptor names no place to fetch it from"
    )
    return UnreadableImage(
        f"{wanted.blob.name} is not kept with the image ({quote(described.media_type)}): {place}",
        advice="Pull the image with an engine that may fetch it, then weigh what `docker save` writes there.",
    )
