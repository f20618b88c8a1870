"""Reads images from the content folder of a containerd on this machine, where blobs lie by their digests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from weighbridge import files
from weighbridge.errors import WeighbridgeError
from weighbridge.image.content import ImageContent
from weighbridge.model.engine import LocalImage
from weighbridge.sources import oci_layout
from weighbridge.sources.assembly import Fetch, begin
from weighbridge.sources.blob_folder import BlobFolder
from weighbridge.sources.blobs import Tally
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
    """Images in content folders, with the exact sizes of their compressed layers.

    A layer that several of them have is read once if the caller adds those of each to the cache before it asks for the
    next.
    """

    def __init__(self, folders: Sequence[Path], reading: Reading) -> None:
        self._folders, self._reading = folders, reading
        self._tally, self._beside, self._opened = Tally(reading.on_progress), 0, dict[str, Fetch]()

    def begin(self, images: Mapping[str, LocalImage]) -> Sequence[str]:
        """Let other processes begin with the layers of images, if that is worth while.

        Nothing else depends on it: `read` waits for what was begun, and reads the rest itself.

        Args:
            images: Reference -> image, of those that `read` will be called for.

        Returns:
            The references in the order in which their layers come.
        """
        self._beside = len(images) - 1
        for reference, image in images.items():
            with suppress(Unavailable, WeighbridgeError):  # `read` says why
                self._opened[reference] = self._open(reference, image)
        order = begin(self._opened, self._reading.pool)
        return [*order, *(each for each in images if each not in self._opened)]

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
        return (self._opened.pop(reference, None) or self._open(reference, image)).finish()

    def _open(self, reference: str, image: LocalImage) -> Fetch:
        reading = self._reading
        if reading.watches:
            raise Unavailable("compressed layers are inspected as the engine sends them")
        folder = next((each for each in self._folders if BlobFolder(each).has_blob(image.id)), None)
        if folder is None:
            raise Unavailable("no folder of a containerd that this user may read has its manifest")
        found = oci_layout.open_digest(
            folder,
            image.id,
            reference,
            known=reading.cache.read_layer,
            tally=self._tally,
            limits=reading.limits,
            beside=self._beside,
        )
        if found.diff_ids != image.diff_ids:
            raise Unavailable("its index leads to an image of another platform")
        return found
