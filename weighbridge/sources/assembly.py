"""Assembles an image from its config and its layers, and checks that they belong together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from weighbridge.errors import UnreadableImage
from weighbridge.image.content import Blob, HistoryEntry, ImageContent
from weighbridge.image.layer import LayerContent
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.model.platform import UNKNOWN, Platform
from weighbridge.sources.blob_folder import LayerBlob
from weighbridge.sources.blobs import Blobs, Source, Tally, Wanted
from weighbridge.sources.budget import Budget
from weighbridge.sources.oci.artifacts import parse_image_config, refuse_artifact
from weighbridge.sources.oci.descriptors import Descriptor
from weighbridge.sources.oci.documents import Config, parse_config
from weighbridge.sources.oci.manifests import (
    Document,
    Manifest,
    compute_digest,
    describe_missing_platform,
    fetch_document,
    require_platform,
)
from weighbridge.sources.processes.order import arrange
from weighbridge.sources.processes.pool import Pool

Known = Callable[[str], "LayerContent | None"]
"""Takes a diff ID; returns the content of that layer if it is known already, else None."""
_UNPACKED = 3
"""How many bytes a compressed one is worth, as far as the time for reading goes."""


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


class Fetch:
    """An image that a manifest describes. Reads each layer once, and only layers that are not known yet."""

    def __init__(
        self,
        reference: str,
        manifest: Manifest,
        *,
        config: Document,
        source: Source,
        budget: Budget,
        platform: str = "",
        known: Known = know_nothing,
        tally: Tally | None = None,
        plain_blobs: bool = False,
    ) -> None:
        """Read the config, and find out which layers are known.

        Args:
            reference: The name by which the caller asked for the image.
            manifest: Names the config and the layers.
            config: Returns the config for its digest.
            source: Where the layers are; other threads may use it, too.
            budget: The budget of the image, from which `config` spends too.
            platform: The platform that the image must run on; empty: any.
            known: Finds layers that need not be read again. Those that another image has begun are asked for once more.
            tally: Counts the bytes of layers that are read.
            plain_blobs: Whether an uncompressed layer counts as a blob too. It does in a registry, which sends it so.

        Raises:
            LimitExceeded: The image exceeds a limit.
            NoSuchImage: The image runs on another platform.
            UnreadableImage: The config is missing or damaged, or contradicts the manifest.
        """
        refuse_artifact(reference, manifest)
        data = fetch_document(manifest.config, config, f"The config of {reference}")
        content = parse_image_config(reference, manifest, data, budget.limits)
        if platform and not _read_platform(content).suits(required := require_platform(platform)):
            raise describe_missing_platform(reference, required, [_read_platform(content)])
        check_layer_count(reference, content, len(manifest.layers))
        self.diff_ids = content.rootfs.diff_ids
        self._reference, self._config, self._known, self._budget = reference, data, known, budget
        self._blobs = Blobs(source, tally or Tally(None), budget)
        self._layers, self._wanted = dict[str, LayerContent](), dict[str, Wanted]()
        self._described = list[Blob | None]()
        for diff_id, described in zip(self.diff_ids, manifest.layers, strict=True):
            # A tar archive without compression is its own blob, and nothing else has the same digest.
            packed = plain_blobs or described.digest != diff_id
            self._add(diff_id, described, is_estimated=not packed)
            self._described.append(Blob(digest=described.digest, size_bytes=described.size) if packed else None)

    def _add(self, diff_id: str, described: Descriptor, *, is_estimated: bool) -> None:
        """Add a layer to those that are known or to those that are wanted, unless the image has had it already."""
        if diff_id in self._layers or diff_id in self._wanted:
            return
        name = f"Layer {len(self._described)} of {self._reference}"
        blob = LayerBlob(digest=described.digest, size=described.size, name=name, is_estimated=is_estimated)
        wanted = Wanted(blob, described, diff_id)
        if layer := self._find(wanted):
            self._layers[diff_id] = layer
        else:
            self._wanted[diff_id] = wanted

    def _find(self, wanted: Wanted) -> LayerContent | None:
        layer = self._known(wanted.diff_id)
        if layer is None or (wanted.blob.is_estimated and layer.deflated_bytes is None):
            return None
        self._budget.spend_layer(layer)
        return layer

    @property
    def sizes(self) -> Mapping[str, int]:
        """How much there is to read: unpacked bytes by diff ID, roughly."""
        return {diff_id: _UNPACKED * each.blob.size for diff_id, each in self._wanted.items()}

    def begin(self, diff_id: str, pool: Pool) -> None:
        """Let another process read a layer that is not known."""
        self._blobs.begin(self._wanted[diff_id], pool)

    def finish(self) -> ImageContent:
        """Return the image when all of its layers are read.

        Raises:
            LimitExceeded: The image exceeds a limit.
            UnreadableImage: A layer is missing or damaged, or is another one than the config says.
        """
        for diff_id, wanted in self._wanted.items():
            # One that another image has begun is known by now.
            known = None if self._blobs.has_begun(diff_id) else self._find(wanted)
            self._layers[diff_id] = known or self._blobs.read(wanted)
        layers = [self._layers[each] for each in self.diff_ids]
        return assemble(self._reference, self._config, layers, self._described, self._budget.limits)


_Key = TypeVar("_Key")


def begin(images: Mapping[_Key, Fetch], pool: Pool | None) -> Sequence[_Key]:
    """Let other processes begin with the layers of images, if that is worth while.

    Returns:
        The images' keys in the order in which they will be complete.
    """
    order = sorted(images, key=lambda each: -sum(images[each].sizes.values()))
    jobs = arrange([images[each].sizes for each in order])
    if pool and pool.is_worthwhile(each.size for each in jobs):
        for each in jobs:
            images[order[each.place]].begin(each.diff_id, pool)
    return order


def _read_platform(config: Config) -> Platform:
    """Return what an image runs on; what its config leaves out is unknown, and no reason not to weigh it."""
    return Platform(config.os or UNKNOWN, config.architecture or UNKNOWN, config.variant)
