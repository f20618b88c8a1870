"""Compressed streams, undone as they are read. The compression is told by the first bytes, never by a media type."""

from __future__ import annotations

import importlib
import re
import zlib
from types import ModuleType
from typing import Any, Protocol, cast

from isal import igzip, igzip_lib

from weighbridge.errors import UnreadableImage

DAMAGE: tuple[type[Exception], ...] = (
    EOFError,
    OSError,
    ValueError,
    zlib.error,
    cast("type[Exception]", igzip_lib.IsalError),  # the stubs take it for an instance
)
"""What reading a compressed stream raises where it is damaged or cut off, beside what the stream below raises."""

_GZIP = b"\x1f\x8b"
_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")  # RFC 8878: a frame, or a skippable one
_ZSTD_LIBRARIES = "compression.zstd", "backports.zstd"  # Python 3.14's own, and the same for older ones


class Readable(Protocol):
    """A stream that gives all of the bytes asked for, unless it ends."""

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""


def decompressed(source: Readable, head: bytes) -> Readable:
    """Return the stream without its compression, if it has one.

    Args:
        source: The stream, from its first byte.
        head: Its first bytes, which `source` gives once more.

    Raises:
        UnreadableImage: It is Zstandard, and this Python has no library for that.
    """
    if head.startswith(_GZIP):
        # It reads archives of many members, such as eStargz makes; a bare zlib object stops after the first.
        return cast("Readable", igzip.IGzipFile(fileobj=_Filling(source), mode="rb"))  # type: ignore[no-untyped-call]
    if _ZSTD.match(head):
        return _Zstd(source)
    return source


def is_compressed(head: bytes) -> bool:
    """Tell whether bytes begin like a compression that `decompressed` knows."""
    return head.startswith(_GZIP) or _ZSTD.match(head) is not None


class _Filling:
    """A stream as igzip wants it: it fills a buffer."""

    def __init__(self, source: Readable) -> None:
        self.read = source.read

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer)
        block = self.read(len(view))
        view[: len(block)] = block
        return len(block)


class _Zstd:
    """A Zstandard stream of any number of frames; its damage is an `OSError`, as with gzip."""

    def __init__(self, source: Readable) -> None:
        library = _zstd()
        self._error, self._file = library.ZstdError, library.open(source)

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        try:
            return cast("bytes", self._file.read(size))
        except self._error as error:
            raise OSError(str(error)) from error


def _zstd() -> ModuleType:
    for name in _ZSTD_LIBRARIES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise UnreadableImage(
        "zstd compression cannot be undone by this Python", advice="Install the Python package backports.zstd."
    )
