"""Images out of an OCI layout, the directory that skopeo, buildah, crane and buildx write.

Rules: OCI image-spec, image-layout.md. The directory may come from anywhere, so only regular files in it are opened.
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
from weighbridge.quoting import quoted
from weighbridge.sources.assembly import Known, Progress, fetch, nothing_known
from weighbridge.sources.oci.manifests import MAX_DOCUMENT_BYTES, Index, choose, parse_document
from weighbridge.sources.oci.naming import named

_OPENING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_ADVICE = "Write one with `skopeo copy SOURCE oci:DIRECTORY:NAME` or `docker buildx build --output type=oci,tar=false`."


def read(
    path: Path,
    name: str = "",
    platform: str = "",
    on_progress: Progress | None = None,
    *,
    known: Known = nothing_known,
) -> ImageContent:
    """Return one image of a layout.

    Args:
        path: The directory, which has an index.json.
        name: What the index calls the image; may be left out where there is one image only.
        platform: `os/architecture[/variant]`. Empty: the only one there is, or else this machine's.
        on_progress: Is told the number of bytes of layers read so far.
        known: Spares the reading of layers; asked with the diff ID of each.

    Raises:
        NoSuchImage: The layout has no image of that name or for that platform; the message lists what it has.
        UnreadableImage: It is no layout, or a part is missing, damaged, or no regular file.
    """
    layout = _Layout(path)
    reference = quoted(f"{path}:{name}" if name else path)
    chosen = choose(
        named(layout.index(), name, layout), reference, layout.document, platform=platform, present=layout.has
    )
    return fetch(
        reference,
        chosen,
        config=layout.document,
        blob=lambda described: layout.opened(described.digest),
        platform=platform,
        known=known,
        on_progress=on_progress,
    )


class _Layout:
    """The files of a layout."""

    def __init__(self, path: Path) -> None:
        self._path, self._real = path, os.path.realpath(path)

    def __str__(self) -> str:
        return quoted(self._path)

    def index(self) -> Index:
        """Return what index.json says."""
        name = f"index.json of {self}"
        if not self._exists("index.json") and self._exists("version") and self._exists("manifest.json"):
            advice = f"Copy it: `skopeo copy dir:{self} oci:FOLDER`, and weigh that."
            raise UnreadableImage(f"{self} has the form of skopeo's dir:, which is no OCI layout", advice=advice)
        found = parse_document(self._document("index.json", name, _ADVICE), name)
        if not isinstance(found, Index):
            raise UnreadableImage(f"{name} is a manifest and no index")
        return found

    def has(self, digest: str) -> bool:
        """Tell whether there is a blob of that digest."""
        return self._exists(_blob(digest))

    def _exists(self, file: str) -> bool:
        return os.path.lexists(self._file(file))

    def document(self, digest: str) -> bytes:
        """Return a blob that is a document."""
        return self._document(_blob(digest), f"Blob {digest[:19]}… of {self}")

    @contextmanager
    def opened(self, digest: str) -> Iterator[BinaryIO]:
        """Open a blob."""
        with self._opened(_blob(digest), f"Blob {digest[:19]}… of {self}") as file:
            yield file

    def _document(self, file: str, name: str, advice: str | None = None) -> bytes:
        try:
            with self._opened(file, name, advice) as stream:
                data = stream.read(MAX_DOCUMENT_BYTES + 1)
        except OSError as error:
            raise UnreadableImage(f"{name} cannot be read: {error.strerror}") from error
        if len(data) > MAX_DOCUMENT_BYTES:
            raise UnreadableImage(f"{name} has more than {MAX_DOCUMENT_BYTES} bytes, which is too long")
        return data

    def _file(self, file: str) -> str:
        return os.path.join(self._real, file)  # noqa: PTH118 - with `realpath`, which pathlib has not

    def _opened(self, file: str, name: str, advice: str | None = None) -> BinaryIO:
        """Open a file of the layout: no pipe, which would block, no device, and nothing outside of the directory."""
        real = os.path.realpath(self._file(file))
        if not real.startswith(f"{self._real.rstrip('/')}/"):
            raise UnreadableImage(f"{name} is a symbolic link that leads out of the directory", advice="")
        try:
            if not stat.S_ISREG(os.lstat(real).st_mode):
                raise UnreadableImage(f"{name} is no regular file", advice="")
            return open(os.open(real, _OPENING), "rb", buffering=0)  # noqa: PTH123 - it is a descriptor
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UnreadableImage(f"{name} is missing", advice=advice) from error
        except OSError as error:
            raise UnreadableImage(f"{name} cannot be opened: {error.strerror}", advice="") from error


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/', 1)}"
