"""Reads the layers of an image from their blobs, one after the other or several at once, and checks their digests."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock

from weighbridge.errors import LimitExceeded, UnreadableImage
from weighbridge.image.layer import LayerContent
from weighbridge.quoting import quote
from weighbridge.sources.budget import Budget
from weighbridge.sources.oci.descriptors import Descriptor
from weighbridge.sources.oci.manifests import check_algorithm
from weighbridge.sources.processes.pool import Pool
from weighbridge.sources.tar import compression
from weighbridge.sources.tar.alone import ReadAlone, read_stream
from weighbridge.sources.tar.bounded import Bounded
from weighbridge.sources.tar.compression import Readable
from weighbridge.sources.tar.gzip_estimate import get_process
from weighbridge.sources.tar.headers import DamagedArchive
from weighbridge.sources.tar.layer import ReadLayer, read_layer
from weighbridge.sources.tar.reader import CHUNK_BYTES

Open = Callable[[Descriptor], AbstractContextManager[Readable]]
"""Opens the blob that a descriptor describes."""
Progress = Callable[[int], None]
"""Called with the number of bytes read so far."""

# What the readers and the decompressors raise on damaged bytes.
_DAMAGE: tuple[type[Exception], ...] = (DamagedArchive, *compression.DAMAGE)
_UNPACKED = 3
"""How many bytes a compressed one is worth, as far as the time for reading goes."""


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

    name: str
    """What errors call it."""
    described: Descriptor
    diff_id: str
    is_estimated: bool
    """Whether its pull bytes have to be estimated."""


class Blobs:
    """Reads layers, and checks them against the config and the manifest."""

    def __init__(self, blob: Open, on_progress: Progress | None, budget: Budget) -> None:
        self._blob, self._on_progress, self._budget = blob, on_progress, budget
        self._total, self._lock = 0, Lock()

    def read_all(self, wanted: Mapping[str, Wanted], pool: Pool | None) -> dict[str, LayerContent]:
        """Return the layers by diff ID. An error is that of the lowest layer that has one."""
        begun = dict[str, Callable[[], ReadLayer]]()
        if pool and pool.is_worthwhile(_UNPACKED * each.described.size for each in wanted.values()):
            for diff_id, each in sorted(wanted.items(), key=lambda pair: -pair[1].described.size):
                begun[diff_id] = self._begin(each, pool)
        return {
            diff_id: self._read(each, begun.get(diff_id) or partial(self._read_here, each))
            for diff_id, each in wanted.items()
        }

    def _read(self, wanted: Wanted, read: Callable[[], ReadLayer]) -> LayerContent:
        """Return a layer that `read` reads; if registries must not hand it out, the error says where it comes from."""
        try:
            check_algorithm(wanted.described, wanted.name)
            layer = self._explain(wanted, read)
            check_layer(layer, diff_id=wanted.diff_id, digest=wanted.described.digest, name=wanted.name)
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
        except _SourceFailed as failed:
            raise failed.error from failed
        except _DAMAGE as error:
            text = quote(error) or type(error).__name__
            raise UnreadableImage(f"{wanted.name} is damaged: {text}") from error
        except LimitExceeded:
            raise
        except UnreadableImage as error:
            raise UnreadableImage(f"{wanted.name} cannot be read: {error.message}", advice=error.advice) from error

    def _read_here(self, wanted: Wanted) -> ReadLayer:
        with self._open(wanted) as bounded:
            stream = io.BufferedReader(bounded, CHUNK_BYTES)
            get_packer = get_process if wanted.is_estimated else None
            return read_layer(stream, stream.peek(4), budget=self._budget, get_packer=get_packer)

    def _begin(self, wanted: Wanted, pool: Pool) -> Callable[[], ReadLayer]:
        """Let another process read a layer, and return what waits for it."""
        future = pool.submit_stream(read_stream, self._budget, wanted.is_estimated, source=lambda: self._open(wanted))

        def wait() -> ReadLayer:
            read: ReadAlone = future.result()
            self._budget.spend_all(read.spent)
            return read.layer

        return wait

    @contextmanager
    def _open(self, wanted: Wanted) -> Iterator[Bounded]:
        """Open a layer's blob.

        Raises:
            _SourceFailed: The source cannot open it, or fails while it is read.
        """
        bounded = None
        try:
            with self._blob(wanted.described) as source:
                bounded = Bounded(source, wanted.described.size, wanted.name, self._count)
                yield bounded
        except UnreadableImage as error:
            if bounded is None or error is bounded.fault:
                raise _SourceFailed(error) from error
            raise

    def _count(self, size: int) -> None:
        with self._lock:
            self._total += size
            if self._on_progress:
                self._on_progress(self._total)


class _SourceFailed(Exception):
    """The source of a layer's bytes has raised an error that says all there is to say."""

    def __init__(self, error: UnreadableImage) -> None:
        super().__init__(error)
        self.error = error


def _describe_foreign(wanted: Wanted) -> UnreadableImage:
    described = wanted.described
    place = (
        f"it comes from {quote(described.urls[0])}"
        if described.urls
        else "its descriptor names no place to fetch it from"
    )
    return UnreadableImage(
        f"{wanted.name} is not kept with the image ({quote(described.media_type)}): {place}",
        advice="Pull the image with an engine that may fetch it, then weigh what `docker save` writes there.",
    )
