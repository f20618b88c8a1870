"""Opens the blobs in a folder, which lie there by their digests, and reads layers from them, in other processes too.

The folder may come from a stranger, so this module opens only regular files that lie inside it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from weighbridge.errors import UnreadableImage
from weighbridge.quoting import quote
from weighbridge.sources.budget import Budget
from weighbridge.sources.tar.alone import ReadAlone, read_alone
from weighbridge.sources.tar.bounded import open_bounded
from weighbridge.sources.tar.headers import BLOCK_BYTES

_OPENING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class BlobFolder:
    """A directory with a folder of blobs."""

    def __init__(self, path: Path) -> None:
        """Open nothing yet."""
        self._path, self._real = str(path), os.path.realpath(path)

    def __str__(self) -> str:
        return quote(self._path)

    def has(self, file: str) -> bool:
        """Tell whether there is a file of that name, or a link."""
        return os.path.lexists(self._locate(file))

    def has_blob(self, digest: str) -> bool:
        """Tell whether there is a blob of that digest."""
        return self.has(_locate_blob(digest))

    def open_blob(self, digest: str) -> BinaryIO:
        """Open a blob; raise what the method `open` raises."""
        return self.open(_locate_blob(digest), f"Blob {digest[:19]}… of {self}")

    def open(self, file: str, name: str, advice: str | None = None) -> BinaryIO:
        """Open a regular file inside the directory, never a device or a pipe, which would block.

        Args:
            file: Its path from the directory.
            name: What an error calls it.
            advice: Of the error if it is missing.

        Raises:
            UnreadableImage: It cannot be opened.
        """
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

    def _locate(self, file: str) -> str:
        return os.path.join(self._real, file)  # noqa: PTH118 - like `realpath`, for which pathlib has no equal


def _locate_blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/', 1)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBlob:
    """A layer's blob, of which the process that reads it needs no more; its descriptor would make it load pydantic."""

    digest: str
    size: int
    """In bytes, as its descriptor states."""
    name: str
    """What errors call the layer."""
    is_estimated: bool
    """Whether its pull bytes have to be estimated."""


def read_blob_alone(folder: BlobFolder, layer: LayerBlob, budget: Budget, tell: Callable[[int], object]) -> ReadAlone:
    """Read a layer in a process of its own.

    Raises:
        SourceFailed: The blob cannot be opened or does not have its length.
        DamagedArchive, EOFError, OSError, ValueError, LimitExceeded, UnreadableImage: As `read_layer` raises it.
    """
    with open_bounded(lambda: folder.open_blob(layer.digest), layer.size, layer.name, tell) as bounded:
        return read_alone(bounded, bounded.peek(BLOCK_BYTES), budget, is_estimated=layer.is_estimated)
