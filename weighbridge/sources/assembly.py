"""Assembles an image from its config and its layers, and checks that they belong together."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from weighbridge.errors import LimitExceeded, UnreadableImage
from weighbridge.image.content import Blob, HistoryEntry, ImageContent
from weighbridge.image.layer import LayerContent
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.model.platform import UNKNOWN, Platform
from weighbridge.quoting import quote
from weighbridge.sources.budget import Budget
from weighbridge.sources.oci.artifacts import parse_image_config, refuse_artifact
from weighbridge.sources.oci.descriptors import Descriptor
from weighbridge.sources.oci.documents import Config, parse_config
from weighbridge.sources.oci.manifests import (
    Document,
    Manifest,
    check_algorithm,
    compute_digest,
    describe_missing_platform,
    fetch_document,
    require_platform,
)
from weighbridge.sources.tar import compression
from weighbridge.sources.tar.bounded import Bounded
from weighbridge.sources.tar.compression import Readable
from weighbridge.sources.tar.headers import DamagedArchive
from weighbridge.sources.tar.layer import ReadLayer, read_layer
from weighbridge.sources.tar.reader import CHUNK_BYTES

Known = Callable[[str], "LayerContent | None"]
"""Takes a diff ID; returns the content of that layer if it is known already, else None."""
Open = Callable[[Descriptor], AbstractContextManager[Readable]]
"""Opens the blob that a descriptor describes."""
Progress = Callable[[int], None]
"""Called with the number of bytes read so far."""

# What the readers and the decompressors raise on damaged bytes.
_DAMAGE: tuple[type[Exception], ...] = (DamagedArchive, *compression.DAMAGE)


def know_nothing(_diff_id: str) -> LayerContent | None:
    """Return None: no layer is known already."""
    return None


def assemble(
    reference: str,
    config: bytes,
    layers: Sequence[LayerContent],
    blobs: Sequence[Blob | None],
    limits: Limits = DEFAULT,
) -> ImageContent:
    """Return the image that a config and its layers form.

    Args:
        reference: The name by which the caller asked for the image.
        config: The config's own bytes.
        layers: One for each diff ID of the config, lowest first.
        blobs: For each layer, its compressed form, or None if the source has it uncompressed.
        limits: The limits of one image. A layer that the image has twice counts twice: it takes its memory again when
            the layers are merged.

    Raises:
        LimitExceeded: The image exceeds a limit.
        UnreadableImage: The config is damaged, or lists another number of layers.
    """
    content = parse_config(config, f"The config of {reference}", limits)
    diff_ids = content.rootfs.diff_ids
    check_layer_count(reference, content, len(layers))
    budget = Budget(limits, reference)
    for layer in layers:
        budget.spend_layer(layer)
    if len(blobs) != len(layers):
        raise ValueError("there must be one blob, or None, for each layer")
    return ImageContent(
        reference=reference,
        config_digest=compute_digest(config),
        config=config,
        platform=str(_read_platform(content)),
        diff_ids=diff_ids,
        history=tuple(HistoryEntry(**step.model_dump()) for step in content.history),
        labels=content.config.labels,
        working_dir=content.config.working_dir,
        layers=tuple(layers),
        blobs=tuple(blobs),
    )


def check_layer_count(reference: str, config: Config, count: int) -> None:
    """Raise `UnreadableImage` if an image does not have as many layers as its config lists."""
    if (expected := len(config.rootfs.diff_ids)) != count:
        raise UnreadableImage(
            f"{reference} has {count} layers, but its config lists {expected} diff IDs (rootfs.diff_ids)"
        )


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


def fetch(
    reference: str,
    manifest: Manifest,
    *,
    config: Document,
    blob: Open,
    platform: str = "",
    known: Known = know_nothing,
    on_progress: Progress | None = None,
    plain_blobs: bool = False,
    budget: Budget | None = None,
) -> ImageContent:
    """Return the image that a manifest describes. Reads each layer once, and only layers that are not known yet.

    Args:
        reference: The name by which the caller asked for the image.
        manifest: Names the config and the layers.
        config: Returns the config for its digest.
        blob: Opens a layer.
        platform: The platform that the image must run on; empty: any.
        known: Finds layers that need not be read again.
        on_progress: Called with the number of bytes of layers read so far.
        plain_blobs: Whether an uncompressed layer counts as a blob too. It does in a registry, which sends it so.
        budget: The budget of the image, from which `config` spends too; None: a new one with the default limits.

    Raises:
        LimitExceeded: The image exceeds a limit.
        NoSuchImage: The image runs on another platform.
        UnreadableImage: A part is missing or damaged, or two parts contradict each other.
    """
    budget = budget or Budget(DEFAULT, reference)
    refuse_artifact(reference, manifest)
    data = fetch_document(manifest.config, config, f"The config of {reference}")
    content = parse_image_config(reference, manifest, data, budget.limits)
    if platform and not _read_platform(content).suits(wanted := require_platform(platform)):
        raise describe_missing_platform(reference, wanted, [_read_platform(content)])
    check_layer_count(reference, content, len(manifest.layers))
    reader = _Reader(blob, on_progress, budget)
    layers, blobs = dict[str, LayerContent](), list[Blob | None]()
    for number, (diff_id, described) in enumerate(zip(content.rootfs.diff_ids, manifest.layers, strict=True)):
        if diff_id not in layers:
            name = f"Layer {number} of {reference}"
            if (layer := known(diff_id)) is not None:
                budget.spend_layer(layer)
            layers[diff_id] = layer or _read_layer(reader, described, diff_id, name)
        # A tar archive without compression is its own blob, and nothing else has the same digest.
        packed = plain_blobs or described.digest != diff_id
        blobs.append(Blob(digest=described.digest, size_bytes=described.size) if packed else None)
    return assemble(reference, data, [layers[each] for each in content.rootfs.diff_ids], blobs, budget.limits)


def _read_layer(reader: _Reader, described: Descriptor, diff_id: str, name: str) -> LayerContent:
    """Return a layer; if registries must not hand it out, the error says where it comes from."""
    try:
        return reader.read(described, diff_id, name)
    except LimitExceeded:
        raise
    except UnreadableImage as error:
        if not described.is_foreign:
            raise
        place = (
            f"it comes from {quote(described.urls[0])}"
            if described.urls
            else "its descriptor names no place to fetch it from"
        )
        raise UnreadableImage(
            f"{name} is not kept with the image ({quote(described.media_type)}): {place}",
            advice="Pull the image with an engine that may fetch it, then weigh what `docker save` writes there.",
        ) from error


class _Reader:
    """Reads layers one after the other."""

    def __init__(self, blob: Open, on_progress: Progress | None, budget: Budget) -> None:
        self._blob, self._on_progress, self._budget, self._total = blob, on_progress, budget, 0

    def read(self, described: Descriptor, diff_id: str, name: str) -> LayerContent:
        """Read a layer and check it against the config and the manifest."""
        check_algorithm(described, name)
        with self._blob(described) as source:
            bounded = Bounded(source, described.size, name, self._count)
            stream = io.BufferedReader(bounded, CHUNK_BYTES)
            try:
                read = read_layer(stream, stream.peek(4), budget=self._budget)
            except _DAMAGE as error:
                raise UnreadableImage(f"{name} is damaged: {quote(error) or type(error).__name__}") from error
            except UnreadableImage as error:
                if error is bounded.fault or isinstance(error, LimitExceeded):
                    raise
                raise UnreadableImage(f"{name} cannot be read: {error.message}", advice=error.advice) from error
        check_layer(read, diff_id=diff_id, digest=described.digest, name=name)
        return read.content

    def _count(self, size: int) -> None:
        self._total += size
        if self._on_progress:
            self._on_progress(self._total)


def _read_platform(config: Config) -> Platform:
    """Return what an image runs on; what its config leaves out is unknown, and no reason not to weigh it."""
    return Platform(config.os or UNKNOWN, config.architecture or UNKNOWN, config.variant)
