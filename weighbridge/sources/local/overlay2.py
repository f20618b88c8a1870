"""Reads images from the folders of Docker's driver overlay2.

    image/overlay2/imagedb/content/sha256/<image id>             the config
    image/overlay2/layerdb/sha256/<chain id>/diff                the layer's diff ID
    image/overlay2/layerdb/sha256/<chain id>/cache-id            the name of the folder in which it is unpacked
    image/overlay2/layerdb/sha256/<chain id>/tar-split.json.gz   the headers of its archive
    overlay2/<cache id>/diff                                     the unpacked layer

The engine does not promise this form, so we check all of it: a config's digest is the image's id, a layer's is its
diff ID, and the chain of diff IDs names the layer's folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from weighbridge.image.content import ImageContent
from weighbridge.image.layer import LayerContent
from weighbridge.model.engine import LocalImage
from weighbridge.sources.assembly import assemble
from weighbridge.sources.budget import Budget
from weighbridge.sources.local.beneath import Beneath, Unavailable
from weighbridge.sources.local.reading import Reading
from weighbridge.sources.local.tar_split import Reassembled
from weighbridge.sources.oci.manifests import MAX_DOCUMENT_BYTES, compute_digest
from weighbridge.sources.tar.compression import decompress
from weighbridge.sources.tar.layer import read_layer

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_CACHE_ID = re.compile(rb"[0-9a-z]{1,128}")
_LONGEST = 256
"""Bytes of a file that holds one digest or name."""
_HEAD_BYTES = 4
_CONFIGS, _LAYERS = "image/overlay2/imagedb/content/sha256", "image/overlay2/layerdb/sha256"


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
        self._layers, self._count = dict[str, LayerContent](), 0

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
        budget, config = Budget(self._reading.limits, reference), self._read_config(image.id)
        budget.spend_document(len(config))
        for diff_id, chain_id in zip(image.diff_ids, compute_chain_ids(image.diff_ids), strict=True):
            self._layers[diff_id] = self._find_layer(diff_id, budget) or self._read_layer(diff_id, chain_id, budget)
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

    def _find_layer(self, diff_id: str, budget: Budget) -> LayerContent | None:
        """Return a layer that is known, unless it has to be inspected."""
        watches = self._reading.watches
        if watches and not watches.has(diff_id):
            return None
        known = self._layers.get(diff_id) or self._reading.cache.read_layer(diff_id)
        if known:
            budget.spend_layer(known)
        return known

    def _read_layer(self, diff_id: str, chain_id: str, budget: Budget) -> LayerContent:
        kept = f"{_LAYERS}/{_extract_hex(chain_id)}"
        if self._root.read(f"{kept}/diff", _LONGEST) != diff_id.encode():
            raise Unavailable("a layer's folder belongs to another layer")
        cache_id = self._root.read(f"{kept}/cache-id", _LONGEST)
        if not _CACHE_ID.fullmatch(cache_id):
            raise Unavailable("a layer's folder has a name of an unknown form")
        watch = self._reading.watches.begin() if self._reading.watches else None
        with (
            os.fdopen(self._root.open(f"{kept}/tar-split.json.gz"), "rb") as packed,
            self._root.enter(f"overlay2/{cache_id.decode()}/diff") as unpacked,
            Reassembled(decompress(packed, packed.peek(_HEAD_BYTES)), unpacked.open, self._tell) as archive,
        ):
            # It hashes what it gives, so that `read_layer` need not hash the same bytes once more.
            content = read_layer(archive, b"", digests=False, watch=watch, budget=budget).content
            if archive.diff_id != diff_id:
                raise Unavailable("the files of a layer are not those of its archive")
        if self._reading.watches and watch:
            self._reading.watches.keep(diff_id, watch)
        return content

    def _tell(self, size: int) -> None:
        self._count += size
        if self._reading.on_progress:
            self._reading.on_progress(self._count)


def _extract_hex(digest: str) -> str:
    found = _DIGEST.fullmatch(digest)
    if not found:
        raise Unavailable("a digest is of an unknown form")
    return found[1]
