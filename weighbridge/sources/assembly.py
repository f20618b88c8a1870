"""Puts an image together from its config and its layers, and proves that they belong together."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from weighbridge.errors import UnreadableImage
from weighbridge.image.content import Blob, HistoryEntry, ImageContent
from weighbridge.image.layer import LayerContent
from weighbridge.model.platform import UNKNOWN, Platform
from weighbridge.quoting import quoted
from weighbridge.sources.oci.artifacts import parse_image_config, refuse_artifact
from weighbridge.sources.oci.descriptors import Descriptor
from weighbridge.sources.oci.documents import Config, parse_config
from weighbridge.sources.oci.manifests import (
    Document,
    Manifest,
    asked,
    check_algorithm,
    digest_of,
    fetched,
    no_such_platform,
)
from weighbridge.sources.tar import compression
from weighbridge.sources.tar.bounded import Bounded
from weighbridge.sources.tar.compression import Readable
from weighbridge.sources.tar.headers import DamagedArchive
from weighbridge.sources.tar.layer import ReadLayer, read_layer
from weighbridge.sources.tar.reader import CHUNK_BYTES

Known = Callable[[str], "LayerContent | None"]
"""Returns what is known of a layer by its diff ID, so that it need not be read; None where that is nothing."""
Open = Callable[[Descriptor], AbstractContextManager[Readable]]
"""Opens the blob that a descriptor describes."""
Progress = Callable[[int], None]
"""Is told the number of bytes read so far."""

# What the readers and the decompressors raise on bytes that are not what they should be.
_DAMAGE: tuple[type[Exception], ...] = (DamagedArchive, *compression.DAMAGE)


def nothing_known(_diff_id: str) -> LayerContent | None:
    """Know no layer."""
    return None


def assemble(
    reference: str, config: bytes, layers: Sequence[LayerContent], blobs: Sequence[Blob | None]
) -> ImageContent:
    """Return the image that a config and layers make.

    Args:
        reference: The name under which the image was asked for.
        config: The config's own bytes.
        layers: One for each diff ID of the config, oldest first.
        blobs: The same layers as they were compressed.

    Raises:
        UnreadableImage: The config is damaged, or tells of more or fewer layers.
    """
    content = parse_config(config, f"The config of {reference}")
    diff_ids = content.rootfs.diff_ids
    check_count(reference, content, len(layers))
    if len(blobs) != len(layers):
        raise ValueError("there is one blob, or None, for each layer")
    return ImageContent(
        reference=reference,
        config_digest=digest_of(config),
        config=config,
        platform=str(_platform(content)),
        diff_ids=diff_ids,
        history=tuple(HistoryEntry(**step.model_dump()) for step in content.history),
        labels=content.config.labels,
        working_dir=content.config.working_dir,
        layers=tuple(layers),
        blobs=tuple(blobs),
    )


def check_count(reference: str, config: Config, count: int) -> None:
    """Raise `UnreadableImage` where an image has not as many layers as its config tells of."""
    if (told := len(config.rootfs.diff_ids)) != count:
        raise UnreadableImage(f"{reference} has {count} layers, but its config has {told} diff IDs (rootfs.diff_ids)")


def check_layer(read: ReadLayer, *, diff_id: str, digest: str, name: str) -> None:
    """Hold a layer against what the config and the manifest say of it.

    Args:
        read: The layer. A digest in it that nobody computed is not held against anything.
        diff_id: What the config says.
        digest: What the manifest says of the blob; empty where there is no such manifest.
        name: What an error calls the layer.

    Raises:
        UnreadableImage: It is another layer.
    """
    came = read.blob.digest if read.blob else read.diff_id
    if came and digest and came != digest:
        raise UnreadableImage(f"{name} is damaged: its digest is {came[:19]}…, not {digest[:19]}…")
    if read.diff_id and read.diff_id != diff_id:
        raise UnreadableImage(
            f"{name} is another than the config says: unpacked, its digest is {read.diff_id[:19]}…, not {diff_id[:19]}…"
        )


def fetch(
    reference: str,
    manifest: Manifest,
    *,
    config: Document,
    blob: Open,
    platform: str = "",
    known: Known = nothing_known,
    on_progress: Progress | None = None,
    plain_blobs: bool = False,
) -> ImageContent:
    """Return an image by its manifest; each layer is read once, and none that is known.

    Args:
        reference: The name under which the image was asked for.
        manifest: Leads to the config and the layers.
        config: Where the config is.
        blob: Opens a layer.
        platform: What the image has to run on, if that matters.
        known: Spares the reading of layers.
        on_progress: Is told the number of bytes of layers read so far.
        plain_blobs: Whether a layer that is not compressed is a blob too, as it is for whoever pulls it.

    Raises:
        NoSuchImage: The image runs on another platform.
        UnreadableImage: A part is missing, is damaged, or is not what another says of it.
    """
    data, content = _config(reference, manifest, config)
    if platform and not _platform(content).suits(wanted := asked(platform)):
        raise no_such_platform(reference, wanted, [_platform(content)])
    check_count(reference, content, len(manifest.layers))
    reader = _Reader(blob, on_progress)
    layers, blobs = dict[str, LayerContent](), list[Blob | None]()
    for number, (diff_id, described) in enumerate(zip(content.rootfs.diff_ids, manifest.layers, strict=True)):
        if diff_id not in layers:
            name = f"Layer {number} of {reference}"
            layers[diff_id] = known(diff_id) or _read_layer(reader, described, diff_id, name)
        # A tar archive without compression is its own blob, and nothing else has the same digest.
        packed = plain_blobs or described.digest != diff_id
        blobs.append(Blob(digest=described.digest, size_bytes=described.size) if packed else None)
    return assemble(reference, data, [layers[diff_id] for diff_id in content.rootfs.diff_ids], blobs)


def _read_layer(reader: _Reader, described: Descriptor, diff_id: str, name: str) -> LayerContent:
    """Return a layer; where it is one that registries must not hand out, the error says from where it comes."""
    try:
        return reader.read(described, diff_id, name)
    except UnreadableImage as error:
        if not described.is_foreign:
            raise
        place = f"it comes from {quoted(described.urls[0])}" if described.urls else "nobody says from where it comes"
        raise UnreadableImage(
            f"{name} is not kept with the image ({quoted(described.media_type)}): {place}",
            advice="Pull the image with an engine that may fetch it, then weigh what `docker save` writes there.",
        ) from error


class _Reader:
    """Reads layers one after the other."""

    def __init__(self, blob: Open, on_progress: Progress | None) -> None:
        self._blob, self._on_progress, self._total = blob, on_progress, 0

    def read(self, described: Descriptor, diff_id: str, name: str) -> LayerContent:
        """Return a layer that is what the config and the manifest say of it."""
        check_algorithm(described, name)
        with self._blob(described) as source:
            bounded = Bounded(source, described.size, name, self._count)
            stream = io.BufferedReader(bounded, CHUNK_BYTES)
            try:
                read = read_layer(stream, stream.peek(4))
            except _DAMAGE as error:
                raise UnreadableImage(f"{name} is damaged: {quoted(error) or type(error).__name__}") from error
            except UnreadableImage as error:
                if error is bounded.fault:
                    raise
                raise UnreadableImage(f"{name} cannot be read: {error.message}", advice=error.advice) from error
        check_layer(read, diff_id=diff_id, digest=described.digest, name=name)
        return read.content

    def _count(self, size: int) -> None:
        self._total += size
        if self._on_progress:
            self._on_progress(self._total)


def _config(reference: str, manifest: Manifest, document: Document) -> tuple[bytes, Config]:
    refuse_artifact(reference, manifest)
    data = fetched(manifest.config, document, f"The config of {reference}")
    return data, parse_image_config(reference, manifest, data)


def _platform(config: Config) -> Platform:
    """Return what an image runs on; what its config leaves out is unknown, and no reason not to weigh it."""
    return Platform(config.os or UNKNOWN, config.architecture or UNKNOWN, config.variant)
