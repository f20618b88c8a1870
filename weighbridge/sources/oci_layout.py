"""Reads images from an OCI layout, the directory that skopeo, buildah, crane and buildx write.

Rules: OCI image-spec, image-layout.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from weighbridge.errors import UnreadableImage
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.quoting import quote
from weighbridge.sources.assembly import Fetch, Known, know_nothing
from weighbridge.sources.blob_folder import BlobFolder
from weighbridge.sources.blobs import Tally
from weighbridge.sources.budget import Budget
from weighbridge.sources.oci.manifests import (
    MAX_DOCUMENT_BYTES,
    Index,
    Manifest,
    choose,
    compute_digest,
    parse_document,
)
from weighbridge.sources.oci.naming import select_images

_ADVICE = "Write one with `skopeo copy SOURCE oci:DIRECTORY:NAME` or `docker buildx build --output type=oci,tar=false`."


def open_image(
    path: Path,
    name: str = "",
    platform: str = "",
    *,
    known: Known = know_nothing,
    tally: Tally | None = None,
    limits: Limits = DEFAULT,
    beside: int = 0,
) -> Fetch:
    """Open one image of a layout.

    Args:
        path: The directory, which has an index.json.
        name: The image's name in the index; may be empty if the layout has only one image.
        platform: `os/architecture[/variant]`. Empty: the image's only platform, or else this machine's.
        known: Finds layers that need not be read, by diff ID.
        tally: Counts the bytes of layers that are read.
        limits: The limits of the image.
        beside: How many other images are read at the same time.

    Raises:
        LimitExceeded: The image exceeds a limit.
        NoSuchImage: The layout has no image of that name or for that platform; the message lists what it has.
        UnreadableImage: The directory is not a layout, or a part is missing, damaged, or not a regular file.
    """
    reference = quote(f"{path}:{name}" if name else path)
    layout = _Layout(path, Budget(limits, reference, beside=beside))
    images = select_images(layout.read_index(), name, layout)
    return layout.open_image(images, reference, platform, known, tally)


def open_digest(
    path: Path,
    digest: str,
    reference: str,
    *,
    known: Known = know_nothing,
    tally: Tally | None = None,
    limits: Limits = DEFAULT,
    beside: int = 0,
) -> Fetch:
    """Open the image with this digest, in a directory with the blobs of a layout and no index.json.

    Args:
        path: The directory.
        digest: Of the image's manifest, or of an index that leads to it.
        reference: The name by which the caller asked for the image.
        known: Finds layers that need not be read, by diff ID.
        tally: Counts the bytes of layers that are read.
        limits: The limits of the image.
        beside: How many other images are read at the same time.

    Raises:
        LimitExceeded: The image exceeds a limit.
        NoSuchImage: The image does not exist for this machine's platform.
        UnreadableImage: A part is missing, damaged, or not a regular file.
    """
    layout = _Layout(path, Budget(limits, reference, beside=beside))
    data, name = layout.read_document(digest), f"The manifest of {reference}"
    if compute_digest(data) != digest:
        raise UnreadableImage(f"{name} is damaged: its digest is not {digest[:19]}…")
    return layout.open_image(parse_document(data, name, limits), reference, "", known, tally)


class _Layout:
    """The files of a layout."""

    def __init__(self, path: Path, budget: Budget) -> None:
        self._folder, self._budget = BlobFolder(path), budget

    def __str__(self) -> str:
        return str(self._folder)

    def open_image(
        self, root: Manifest | Index, reference: str, platform: str, known: Known, tally: Tally | None
    ) -> Fetch:
        """Open the image of that platform to which a manifest or an index leads."""
        limits, document, has = self._budget.limits, self.read_document, self._folder.has_blob
        return Fetch(
            reference,
            choose(root, reference, document, platform=platform, present=has, limits=limits),
            config=document,
            source=self._folder,
            budget=self._budget,
            platform=platform,
            known=known,
            tally=tally,
        )

    def read_index(self) -> Index:
        """Read index.json."""
        name, has = f"index.json of {self}", self._folder.has
        if not has("index.json") and has("version") and has("manifest.json"):
            advice = f"Copy it: `skopeo copy dir:{self} oci:FOLDER`, and weigh that."
            raise UnreadableImage(f"{self} has the form of skopeo's dir:, which is no OCI layout", advice=advice)
        data = self._read(partial(self._folder.open, "index.json", name, _ADVICE), name)
        found = parse_document(data, name, self._budget.limits)
        if not isinstance(found, Index):
            raise UnreadableImage(f"{name} holds a manifest instead of an index")
        return found

    def read_document(self, digest: str) -> bytes:
        """Read a JSON blob."""
        return self._read(partial(self._folder.open_blob, digest), f"Blob {digest[:19]}… of {self._folder}")

    def _read(self, open_file: Callable[[], BinaryIO], name: str) -> bytes:
        try:
            with open_file() as stream:
                data = stream.read(MAX_DOCUMENT_BYTES + 1)
        except OSError as error:
            raise UnreadableImage(f"{name} cannot be read: {error.strerror}") from error
        if len(data) > MAX_DOCUMENT_BYTES:
            raise UnreadableImage(f"{name} has more than {MAX_DOCUMENT_BYTES} bytes, which is too long")
        self._budget.spend_document(len(data))
        return data
