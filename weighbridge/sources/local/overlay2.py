"""Reads images from the folders of Docker's driver overlay2.

    image/overlay2/imagedb/content/sha256/<image id>   the config
    image/overlay2/layerdb/sha256/<chain id>           a layer, see `unpacked`

The engine does not promise this form, so we check it: a config's digest is the image's id, the chain of diff IDs names
the layer's folder, that states the diff ID, and each file has the checksum that stands with the headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from weighbridge.image.content import ImageContent
from weighbridge.image.layer import LayerContent
from weighbridge.model.engine import LocalImage
from weighbridge.sources.assembly import assemble
from weighbridge.sources.budget import Budget
from weighbridge.sources.local import unpacked
from weighbridge.sources.local.beneath import Beneath, Unavailable
from weighbridge.sources.local.reading import Reading
from weighbridge.sources.local.unpacked import Inspected, Unpacked
from weighbridge.sources.oci.manifests import MAX_DOCUMENT_BYTES, compute_digest
from weighbridge.sources.processes.order import arrange

if TYPE_CHECKING:
    from concurrent.futures import Future

    from weighbridge.sources.tar.layer import Watch

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_CONFIGS = "image/overlay2/imagedb/content/sha256"


def compute_chain_ids(diff_ids: Sequence[str]) -> Iterator[str]:
    """Yield the chain ID of each layer, the lowest first (OCI image-spec, config.md, "Layer ChainID")."""
    chain = ""
    for diff_id in diff_ids:
        chain = compute_digest(f"{chain} {diff_id}".encode()) if chain else diff_id
        yield chain


class Overlay2:
    """The images below a data root; a layer that several of them have is read once."""

    def __init__(self, root: Beneath, reading: Reading) -> None:
        self._root, self._reading = root, reading
        self._layers, self._count, self._beside = dict[str, LayerContent](), 0, 0
        self._begun: dict[str, Future[Inspected]] = {}

    def begin(self, path: str, images: Mapping[str, LocalImage]) -> Sequence[str]:
        """Let other processes begin with the layers of images, if that is worth while.

        Nothing else depends on it: `read` waits for what was begun, and reads the rest itself.

        Args:
            path: Of the root.
            images: Reference -> image, of those that `read` will be called for.

        Returns:
            The references in the order in which their layers come.
        """
        pool = self._reading.pool
        unread = {reference: self._list_unread(image) for reference, image in images.items()} if pool else {}
        order = sorted(images, key=lambda reference: -sum(size for _, size in unread.get(reference, {}).values()))
        jobs = arrange([{diff_id: size for diff_id, (_, size) in unread.get(each, {}).items()} for each in order])
        if pool and pool.is_worthwhile(each.size for each in jobs):
            self._beside = len(images) - 1
            budgets = [Budget(self._reading.limits, reference, beside=self._beside) for reference in order]
            for each in jobs:
                layer, _ = unread[order[each.place]][each.diff_id]
                arguments = (path, layer, self._begin_watch(), budgets[each.place])
                self._begun[each.diff_id] = pool.submit(unpacked.read_alone, *arguments, on_bytes=self._tell)
        return order

    def _list_unread(self, image: LocalImage) -> Mapping[str, tuple[Unpacked, int]]:
        """Return the layers of an image that are not known, by diff ID, and how many bytes each has."""
        with suppress(Unavailable):  # `read` says why
            unknown = [layer for layer in _list_layers(image) if not self._has_layer(layer.diff_id)]
            return {layer.diff_id: (layer, layer.read_size(self._root)) for layer in unknown}
        return {}

    def read(self, reference: str, image: LocalImage) -> ImageContent:
        """Return an image, its layers the same to the byte as from their own archives.

        Args:
            reference: The name by which the caller asked for the image.
            image: What the engine says of it; its id is the digest of its config.

        Raises:
            LimitExceeded: The image exceeds a limit.
            DamagedArchive, OSError, EOFError, ValueError, UnreadableImage: A part is missing, cannot be read or is
                damaged.
            Unavailable: A part is of an unknown form, or is not what its digest says.
        """
        budget, config = Budget(self._reading.limits, reference, beside=self._beside), self._read_config(image.id)
        budget.spend_document(len(config))
        turns = {diff_id: turn for turn, diff_id in enumerate(self._begun)}
        # As they were begun, because most will be complete in this order.
        for layer in sorted(_list_layers(image), key=lambda each: turns.get(each.diff_id, len(turns))):
            self._layers[layer.diff_id] = self._find_layer(layer.diff_id, budget) or self._read_layer(layer, budget)
        layers = [self._layers[diff_id] for diff_id in image.diff_ids]
        found = assemble(reference, config, layers, [None] * len(layers), self._reading.limits)
        if found.diff_ids != image.diff_ids:
            raise Unavailable("its config lists other layers than the engine")
        return found

    def _read_config(self, image_id: str) -> bytes:
        data = self._root.read(f"{_CONFIGS}/{_extract_hex(image_id)}", MAX_DOCUMENT_BYTES)
        if compute_digest(data) != image_id:
            raise Unavailable("its config is damaged")
        return data

    def _has_layer(self, diff_id: str) -> bool:
        """Tell whether a layer seems to be known, and need not be inspected."""
        watches = self._reading.watches
        return self._reading.cache.has_layer(diff_id, estimated=True) and (watches is None or watches.has(diff_id))

    def _find_layer(self, diff_id: str, budget: Budget) -> LayerContent | None:
        """Return a layer that is known, unless it has to be inspected."""
        watches = self._reading.watches
        if watches and not watches.has(diff_id):
            return None
        known = self._layers.get(diff_id) or self._reading.cache.read_layer(diff_id, estimated=True)
        if known:
            budget.spend_layer(known)
        return known

    def _read_layer(self, layer: Unpacked, budget: Budget) -> LayerContent:
        if begun := self._begun.pop(layer.diff_id, None):
            inspected = begun.result()
            budget.spend_all(inspected.spent)
            content, watch = inspected.content, inspected.watch
        else:
            watch = self._begin_watch()
            content = layer.read(self._root, watch, budget, self._tell)
        self._reading.cache.keep_layer(layer.diff_id, content)  # while others are still read
        if self._reading.watches and watch:
            self._reading.watches.keep(layer.diff_id, watch)
        return content

    def _begin_watch(self) -> Watch | None:
        return self._reading.watches.begin() if self._reading.watches else None

    def _tell(self, size: int) -> None:
        self._count += size
        if self._reading.on_progress:
            self._reading.on_progress(self._count)


def _list_layers(image: LocalImage) -> Iterator[Unpacked]:
    for diff_id, chain_id in zip(image.diff_ids, compute_chain_ids(image.diff_ids), strict=True):
        yield Unpacked(diff_id=diff_id, chain=_extract_hex(chain_id))


def _extract_hex(digest: str) -> str:
    found = _DIGEST.fullmatch(digest)
    if not found:
        raise Unavailable("a digest is of an unknown form")
    return found[1]
