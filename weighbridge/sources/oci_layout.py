"""Reads images from an OCI layout, the directory that skopeo, buildah, crane and buildx write.

Rules: OCI image-spec, image-layout.md. The directory may come from a stranger, so this module opens only regular files
that lie inside it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from weighbridge.errors import UnreadableImage
from weighbridge.image.content import ImageContent
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.quoting import quote
from weighbridge.sources.assembly import Known, fetch, know_nothing
from weighbridge.sources.blobs import Progress
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
from weighbridge.sources.processes.pool import Pool

_OPENING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_ADVICE = "Write one with `skopeo copy SOURCE oci:DIRECTORY:NAME` or `docker buildx build --output type=oci,tar=false`."


def read(
    path: Path,
    name: str = "",
    platform: str = "",
    on_progress: Progress | None = None,
    *,
    known: Known = know_nothing,
    limits: Limits = DEFAULT,
    pool: Pool | None = None,
) -> ImageContent:
    """Return one image of a layout.

    Args:
        path: The directory, which has an index.json.
        name: The image's name in the index; may be empty if the layout has only one image.
        platform: `os/architecture[/variant]`. Empty: the image's only platform, or else this machine's.
        on_progress: Called with the number of bytes of layers read so far.
        known: Finds layers that need not be read, by diff ID.
        limits: The limits of the image.
        pool: Reads several layers at once; None: this process reads them all.

    Raises:
        LimitExceeded: The image exceeds a limit.
        NoSuchImage: The layout has no image of that name or for that platform; the message lists what it has.
        UnreadableImage: The directory is not a layout, or a part is missing, damaged, or not a regular file.
    """
    reference = quote(f"{path}:{name}" if name else path)
    layout = _Layout(path, Budget(limits, reference), pool)
    images = select_images(layout.read_index(), name, layout)
    return layout.fetch(images, reference, platform, known, on_progress)


def has_blob(path: Path, digest: str) -> bool:
    """Tell whether there is a blob of that digest in a directory."""
    return _Layout(path, Budget(DEFAULT, "")).has(digest)


def read_digest(
    path: Path,
    digest: str,
    reference: str,
    *,
    known: Known = know_nothing,
    on_progress: Progress | None = None,
    limits: Limits = DEFAULT,
    pool: Pool | None = None,
) -> ImageContent:
    """Return the image with this digest, in a directory with the blobs of a layout and no index.json.

    Args:
        path: The directory.
        digest: Of the image's manifest, or of an index that leads to it.
        reference: The name by which the caller asked for the image.
        known: Finds layers that need not be read, by diff ID.
        on_progress: Called with the number of bytes of layers read so far.
        limits: The limits of the image.
        pool: Reads several layers at once; None: this process reads them all.

    Raises:
        LimitExceeded: The image exceeds a limit.
        NoSuchImage: The image does not exist for this machine's platform.
        UnreadableImage: A part is missing, damaged, or not a regular file.
    """
    layout = _Layout(path, Budget(limits, reference), pool)
    data, name = layout.read_document(digest), f"The manifest of {reference}"
    if compute_digest(data) != digest:
        raise UnreadableImage(f"{name} is damaged: its digest is not {digest[:19]}…")
    return layout.fetch(parse_document(data, name, limits), reference, "", known, on_progress)


class _Layout:
    """The files of a layout."""

    def __init__(self, path: Path, budget: Budget, pool: Pool | None = None) -> None:
        self._path, self._real, self._budget, self._pool = path, os.path.realpath(path), budget, pool

    def __str__(self) -> str:
        return quote(self._path)

    def fetch(
        self, root: Manifest | Index, reference: str, platform: str, known: Known, on_progress: Progress | None
    ) -> ImageContent:
        """Return the image of that platform to which a manifest or an index leads."""
        limits, document = self._budget.limits, self.read_document
        return fetch(
            reference,
            choose(root, reference, document, platform=platform, present=self.has, limits=limits),
            config=document,
            blob=lambda described: self.open_blob(described.digest),
            platform=platform,
            known=known,
            on_progress=on_progress,
            budget=self._budget,
            pool=self._pool,
        )

    def read_index(self) -> Index:
        """Read index.json."""
        name = f"index.json of {self}"
        if not self._exists("index.json") and self._exists("version") and self._exists("manifest.json"):
            advice = f"Copy it: `skopeo copy dir:{self} oci:FOLDER`, and weigh that."
            raise UnreadableImage(f"{self} has the form of skopeo's dir:, which is no OCI layout", advice=advice)
        found = parse_document(self._read_file("index.json", name, _ADVICE), name, self._budget.limits)
        if not isinstance(found, Index):
            raise UnreadableImage(f"{name} holds a manifest instead of an index")
        return found

    def has(self, digest: str) -> bool:
        """Tell whether there is a blob of that digest."""
        return self._exists(_locate_blob(digest))

    def _exists(self, file: str) -> bool:
        return os.path.lexists(self._locate(file))

    def read_document(self, digest: str) -> bytes:
        """Read a JSON blob."""
        return self._read_file(_locate_blob(digest), f"Blob {digest[:19]}… of {self}")

    @contextmanager
    def open_blob(self, digest: str) -> Iterator[BinaryIO]:
        """Open a blob."""
        with self._open_file(_locate_blob(digest), f"Blob {digest[:19]}… of {self}") as file:
            yield file

    def _read_file(self, file: str, name: str, advice: str | None = None) -> bytes:
        try:
            with self._open_file(file, name, advice) as stream:
                data = stream.read(MAX_DOCUMENT_BYTES + 1)
        except OSError as error:
            raise UnreadableImage(f"{name} cannot be read: {error.strerror}") from error
        if len(data) > MAX_DOCUMENT_BYTES:
            raise UnreadableImage(f"{name} has more than {MAX_DOCUMENT_BYTES} bytes, which is too long")
        self._budget.spend_document(len(data))
        return data

    def _locate(self, file: str) -> str:
        return os.path.join(self._real, file)  # noqa: PTH118 - like `realpath`, for which pathlib has no equal

    def _open_file(self, file: str, name: str, advice: str | None = None) -> BinaryIO:
        """Open a regular file inside the directory, never a device or a pipe, which would block."""
        real = os.path.realpath(self._locate(file))
        if not real.startswith(f"{self._real.rstrip('/')}/"):
            raise UnreadableImage(f"{name} is a symbolic link that leads out of the directory", advice="")
        try:
            if not stat.S_ISREG(os.lstat(real).st_mode):
                raise UnreadableImage(f"{name} is not a regular file", advice="")
            return open(os.open(real, _OPENING), "rb", buffering=0)  # noqa: PTH123 - it is a descriptor
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UnreadableImage(f"{name} is missing", advice=advice) from error
        except OSError as error:
            raise UnreadableImage(f"{name} cannot be opened: {error.strerror}", advice="") from error


def _locate_blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/', 1)}"
