"""Decompresses streams as they are read. The first bytes identify the compression, never a media type."""

from __future__ import annotations

import importlib
import re
import zlib
from types import ModuleType
from typing import Any, Literal, Protocol, assert_never, cast

from isal import igzip, igzip_lib

from weighbridge.errors import UnreadableImage

DAMAGE: tuple[type[Exception], ...] = (
    EOFError,
    OSError,
    ValueError,
    zlib.error,
    cast("type[Exception]", igzip_lib.IsalError),  # the stubs take it for an instance
)
"""The exceptions of a decompressor whose input is damaged or cut off. The stream below may raise others."""

Compression = Literal["none", "gzip", "zstd"]

_GZIP = b"\x1f\x8b"
_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")  # RFC 8878: a frame, or a skippable one
_ZSTD_LIBRARIES = "compression.zstd", "backports.zstd"  # in Python 3.14 and later, and its backport


class Readable(Protocol):
    """A stream whose `read` returns all of the bytes asked for, unless the stream ends."""

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""


def decompressed(source: Readable, head: bytes) -> Readable:
    """Return a stream of the decompressed bytes, or the source itself if it is not compressed.

    Args:
        source: The stream, from its first byte.
        head: Its first bytes, which `source` will return again.

    Raises:
        UnreadableImage: The stream is Zstandard, and this Python has no library for that.
    """
    match compression := identify_compression(head):
        case "gzip":
            # Unlike a bare zlib object, this reads on after the first member; eStargz writes many members.
            plain = igzip.IGzipFile(fileobj=_Filling(source), mode="rb")  # type: ignore[no-untyped-call]
            return cast("Readable", plain)
        case "zstd":
            return _Zstd(source)
        case "none":
            return source
        case _:
            assert_never(compression)


def identify_compression(head: bytes) -> Compression:
    """Return the compression that a stream's first bytes show."""
    if head.startswith(_GZIP):
        return "gzip"
    return "zstd" if _ZSTD.match(head) else "none"


def is_compressed(head: bytes) -> bool:
    """Tell whether a stream's first bytes show a compression."""
    return identify_compression(head) != "none"


class _Filling:
    """A stream with the method that igzip calls: `readinto`."""

    def __init__(self, source: Readable) -> None:
        self.read = source.read

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer)
        block = self.read(len(view))
        view[: len(block)] = block
        return len(block)


class _Zstd:
    """A Zstandard stream of any number of frames; it raises `OSError` for damage, as gzip does."""

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
        "This Python cannot decompress Zstandard", advice="Install the Python package backports.zstd."
    )
