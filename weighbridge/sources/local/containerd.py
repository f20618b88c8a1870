"""Reads images from the content folder of a containerd on this machine, where blobs lie by their digests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from weighbridge import files
from weighbridge.image.content import ImageContent
from weighbridge.model.engine import LocalImage
from weighbridge.sources import oci_layout
from weighbridge.sources.local.beneath import Unavailable
from weighbridge.sources.local.reading import Reading

CONTENT = "io.containerd.content.v1.content"
_OWN = Path("containerd/daemon")
"""Below an engine's data root: the folder of a containerd that the engine itself started."""
SHARED = Path("/var/lib/containerd")
"""The folder of the machine's own containerd, which an engine uses where there is one."""


def find_content(data_root: str, shared: Path = SHARED) -> tuple[Path, ...]:
    """Return the content folders that an engine with this data root may use."""
    return tuple(path for folder in (Path(data_root) / _OWN, shared) if files.is_folder(path := folder / CONTENT))


class Containerd:
    """Images in content folders, with the exact sizes of their compressed layers."""

    def __init__(self, folders: Sequence[Path], reading: Reading) -> None:
        self._folders, self._reading = folders, reading

    def read(self, reference: str, image: LocalImage) -> ImageContent:
        """Return an image from the first of the folders that has it.

        Args:
            reference: The name by which the caller asked for the image.
            image: What the engine says of it; its id is the digest of a manifest or an index.

        Raises:
            LimitExceeded: The image exceeds a limit.
            NoSuchImage, UnreadableImage: A part of it is missing, cannot be read or is damaged.
            Unavailable: No folder has it, the engine means an image of another platform, or its layers are inspected.
        """
        reading = self._reading
        if reading.watches:
            raise Unavailable("compressed layers are inspected as the engine sends them")
        folder = next((each for each in self._folders if oci_layout.has_blob(each, image.id)), None)
        if folder is None:
            raise Unavailable("no folder of a containerd that this user may read has its manifest")
        found = oci_layout.read_digest(
            folder,
            image.id,
            reference,
            known=reading.cache.read_layer,
            on_progress=reading.on_progress,
            limits=reading.limits,
            pool=reading.pool,
        )
        if found.diff_ids != image.diff_ids:
            raise Unavailable("its index leads to an image of another platform")
        return found
