"""Reads one layer that Docker's driver overlay2 keeps unpacked, with the headers of its archive beside it.

image/overlay2/layerdb/sha256/<chain id>/diff                the layer's diff ID
image/overlay2/layerdb/sha256/<chain id>/cache-id            the name of the folder in which it is unpacked
image/overlay2/layerdb/sha256/<chain id>/size                bytes of its files
image/overlay2/layerdb/sha256/<chain id>/tar-split.json.gz   the headers of its archive
overlay2/<cache id>/diff                                     the unpacked layer
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from weighbridge.image.layer import LayerContent
from weighbridge.sources.budget import Budget, Resource
from weighbridge.sources.local.beneath import Beneath, Unavailable
from weighbridge.sources.local.tar_split import Reassembled
from weighbridge.sources.tar.compression import decompress, identify_compression
from weighbridge.sources.tar.gzip_estimate import Packer, PackHere, get_process
from weighbridge.sources.tar.layer import Watch, read_layer

_CACHE_ID = re.compile(rb"[0-9a-z]{1,128}")
_LONGEST = 256
"""Bytes of a file that holds one digest, name or number."""
_HEAD_BYTES = 4
_LAYERS = "image/overlay2/layerdb/sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """Which layer it is."""

    diff_id: str
    chain: str
    """The hexadecimal digits of the chain ID."""

    @property
    def _folder(self) -> str:
        return f"{_LAYERS}/{self.chain}"

    def read_size(self, root: Beneath) -> int:
        """Return how many bytes its files have; 0 if that is not told."""
        try:
            return max(int(root.read(f"{self._folder}/size", _LONGEST)), 0)
        except (OSError, ValueError, Unavailable):
            return 0

    def read(
        self,
        root: Beneath,
        watch: Watch | None,
        budget: Budget,
        on_bytes: Callable[[int], object],
        get_packer: Callable[[], Packer] = get_process,
    ) -> LayerContent:
        """Return the layer's content.

        Args:
            root: The files below the engine's data root.
            watch: Inspects the members as they pass.
            budget: The budget of the image.
            on_bytes: Called with the length of each piece that was read.
            get_packer: As `read_layer` takes it.

        Raises:
            LimitExceeded: With this layer, the image exceeds a limit.
            DamagedArchive, OSError, EOFError, ValueError, UnreadableImage: A part is missing, cannot be read or is
                damaged.
            Unavailable: A part is of an unknown form, or is not this layer's.
        """
        if root.read(f"{self._folder}/diff", _LONGEST) != self.diff_id.encode():
            raise Unavailable("a layer's folder belongs to another layer")
        cache_id = root.read(f"{self._folder}/cache-id", _LONGEST)
        if not _CACHE_ID.fullmatch(cache_id):
            raise Unavailable("a layer's folder has a name of an unknown form")
        with (
            os.fdopen(root.open(f"{self._folder}/tar-split.json.gz")[0], "rb") as packed,
            root.enter(f"overlay2/{cache_id.decode()}/diff") as unpacked,
            Reassembled(decompress(packed, packed.peek(_HEAD_BYTES)), unpacked.open, on_bytes) as archive,
        ):
            if identify_compression(packed.peek(_HEAD_BYTES)) != "gzip":
                raise Unavailable("a tar-split file is of an unknown form")
            # The archive checks the files that it gives. To compute the diff ID would take a third of the whole time.
            read = read_layer(
                archive,
                b"",
                digests=False,
                watch=watch,
                budget=budget,
                get_packer=get_packer,
                allows_holes=False,
            )
            if read.content.entry_count != archive.member_count:
                raise Unavailable("a layer's archive has other members than its tar-split file")
        return read.content


@dataclass(frozen=True, slots=True)
class Inspected:
    """A layer that another process has read, and what it used for that."""

    content: LayerContent
    watch: Watch | None
    spent: Counter[Resource]


def read_alone(
    root: str, layer: Unpacked, watch: Watch | None, budget: Budget, on_bytes: Callable[[int], object]
) -> Inspected:
    """Read a layer in a process of its own, which opens the data root itself; see `Unpacked.read`."""
    packer, before = PackHere(), budget.spent
    with Beneath.open_root(root) as files:
        content = layer.read(files, watch, budget, on_bytes, lambda: packer)
    return Inspected(content, watch, budget.spent - before)
