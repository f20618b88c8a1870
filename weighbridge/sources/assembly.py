"""Assembles an image from its config and its layers, and checks that they belong together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weighbridge.errors import UnreadableImage
from weighbridge.image.content import Blob, HistoryEntry, ImageContent
from weighbridge.image.layer import LayerContent
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.model.platform import UNKNOWN, Platform
from weighbridge.sources.blobs import Blobs, Open, Progress, Wanted
from weighbridge.sources.budget import Budget
from weighbridge.sources.oci.artifacts import parse_image_config, refuse_artifact
from weighbridge.sources.oci.documents import Config, parse_config
from weighbridge.sources.oci.manifests import (
    Document,
    Manifest,
    compute_digest,
    describe_missing_platform,
    fetch_document,
    require_platform,
)
from weighbridge.sources.processes.pool import Pool

Known = Callable[[str], "LayerContent | None"]
"""Takes a diff ID; returns the content of that layer if it is known already, else None."""


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
    pool: Pool | None = None,
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
        pool: Reads several layers at once, and calls `blob` from threads; None: this process reads them all.

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
    layers, reading, blobs = dict[str, LayerContent](), dict[str, Wanted](), list[Blob | None]()
    for number, (diff_id, described) in enumerate(zip(content.rootfs.diff_ids, manifest.layers, strict=True)):
        # A tar archive without compression is its own blob, and nothing else has the same digest.
        packed = plain_blobs or described.digest != diff_id
        blobs.append(Blob(digest=described.digest, size_bytes=described.size) if packed else None)
        if diff_id in layers or diff_id in reading:
            continue
        layer = known(diff_id)
        if layer and (packed or layer.deflated_bytes is not None):
            budget.spend_layer(layer)
            layers[diff_id] = layer
        else:
            reading[diff_id] = Wanted(f"Layer {number} of {reference}", described, diff_id, is_estimated=not packed)
    layers |= Blobs(blob, on_progress, budget).read_all(reading, pool)
    return assemble(reference, data, [layers[each] for each in content.rootfs.diff_ids], blobs, budget.limits)


def _read_platform(config: Config) -> Platform:
    """Return what an image runs on; what its config leaves out is unknown, and no reason not to weigh it."""
    return Platform(config.os or UNKNOWN, config.architecture or UNKNOWN, config.variant)
