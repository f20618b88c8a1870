"""Decompresses streams as they are read. The first bytes identify the compression, never a media type."""

from __future__ import annotations

import bz2
import importlib
import lzma
import re
import zlib
from collections.abc import Callable
from types import ModuleType
from typing import Any, Literal, Protocol, assert_never, cast

from isal import igzip, igzip_lib

from weighbridge.errors import UnreadableImage

DAMAGE: tuple[type[Exception], ...] = (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)
"""The exceptions of a decompressor whose input is damaged or cut off. The stream below may raise others."""

Compression = Literal["none", "gzip", "zstd", "xz", "bzip2"]

_GZIP = b"\x1f\x8b"
_ZSTD = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")  # RFC 8878: a frame, or a skippable one
_XZ = b"\xfd7zX"
_BZIP2 = re.compile(rb"BZh[1-9]")
_BZIP2_PARTS = b"1AY&SY", b"\x17rE8P\x90"
"""The bytes that may follow: a block's, or those at the end of an empty stream. A tar may begin with a file called
`BZh9`."""
_XZ_MEMORY_BYTES = 2**28
"""Limit on an xz dictionary: `xz -9` needs 65 MB, and the format allows 4 GB."""
_XZ_PADDING = 4
_PIECE_BYTES = 2**16
_ZSTD_LIBRARIES = "compression.zstd", "backports.zstd"  # in Python 3.14 and later, and its backport


class Readable(Protocol):
    """A stream whose `read` returns all of the bytes asked for, unless the stream ends."""

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""


def decompress(source: Readable, head: bytes) -> Readable:
    """Return a stream of the decompressed bytes, or the source itself if it is not compressed.

    Args:
        source: The stream, from its first byte.
        head: Its first bytes, which `source` will return again.

    Raises:
        UnreadableImage: The stream is Zstandard, and this Python has no library for that.
    """
    match compression := identify_compression(head):
        case "gzip":
            return _Gzip(source)
        case "zstd":
            return _Zstd(source)
        case "xz":
            return _Streams(source, _XzStream, padding=_XZ_PADDING)
        case "bzip2":
            return _Streams(source, bz2.BZ2Decompressor)
        case "none":
            return source
        case _:
            assert_never(compression)


def identify_compression(head: bytes) -> Compression:
    """Return the compression that a stream's first bytes show."""
    if head.startswith(_GZIP):
        return "gzip"
    if _ZSTD.match(head):
        return "zstd"
    if head.startswith(_XZ):
        return "xz"
    return "bzip2" if _is_bzip2(head) else "none"


def is_compressed(head: bytes) -> bool:
    """Tell whether a stream's first bytes show a compression."""
    return identify_compression(head) != "none"


def _is_bzip2(head: bytes) -> bool:
    return _BZIP2.match(head) is not None and any(part.startswith(head[4:10]) for part in _BZIP2_PARTS)


class _Gzip:
    """A gzip stream of any number of members, as eStargz writes many; it raises `OSError` for damage.

    The library's own error cannot be sent from one process to another.
    """

    def __init__(self, source: Readable) -> None:
        self._error = cast("type[Exception]", igzip_lib.IsalError)  # the stubs take it for an instance
        file = igzip.IGzipFile(fileobj=_Filling(source), mode="rb")  # type: ignore[no-untyped-call]
        self._file = cast("Readable", file)

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        try:
            return self._file.read(size)
        except self._error as error:
            raise OSError(str(error)) from error


class _Filling:
    """A stream with the method that igzip calls: `readinto`."""

    def __init__(self, source: Readable) -> None:
        self.read = source.read

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer)
        block = self.read(len(view))
        view[: len(block)] = block
        return len(block)


class _Stream(Protocol):
    """One compressed stream, as `bz2` and `lzma` undo it."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    @property
    def needs_input(self) -> bool:
        """Whether it needs more input before it yields more output."""

    @property
    def unused_data(self) -> bytes:
        """The bytes that were fed and lie behind the end of the stream."""

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        """Feed compressed bytes; return at most `max_length` decompressed bytes."""


def _XzStream() -> _Stream:  # noqa: N802 - it stands for a class
    return lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)


class _Streams:
    """Compressed streams, one behind the other, as `cat a.xz b.xz` makes them."""

    def __init__(self, source: Readable, begin: Callable[[], _Stream], padding: int = 0) -> None:
        """Begin at the first stream.

        Args:
            source: The compressed bytes.
            begin: Makes what undoes one stream.
            padding: Zeros may stand between streams, in groups of so many; 0: none may.
        """
        self._source, self._begin, self._padding = source, begin, padding
        self._stream, self._rest = begin(), b""

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        pieces, left = [], size
        while left and (piece := self._read_next(left)):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def _read_next(self, size: int) -> bytes:
        """Return some bytes; nothing at the end.

        Raises:
            EOFError: A stream is cut off.
        """
        while True:
            if self._stream.eof and not self._begin_next():
                return b""
            data = b""
            if self._stream.needs_input:
                data = self._rest or self._source.read(_PIECE_BYTES)
                self._rest = b""
                if not data:
                    raise EOFError("the compressed stream is cut off")
            if piece := self._stream.decompress(data, size):
                return piece

    def _begin_next(self) -> bool:
        """Begin at the next stream; False where none follows."""
        rest, zeros = self._stream.unused_data, 0
        while True:
            rest = rest or self._source.read(_PIECE_BYTES)
            if not rest:
                break
            stripped = rest.lstrip(b"\0") if self._padding else rest
            zeros += len(rest) - len(stripped)
            rest = stripped
            if rest:
                break
        if self._padding and zeros % self._padding:
            raise OSError("what stands between two compressed streams is damaged")
        if rest:
            self._stream, self._rest = self._begin(), rest
        return bool(rest)


class _Zstd:
    """A Zstandard stream of any number of frames; it raises `OSError` for damage."""

    def __init__(self, source: Readable) -> None:
        library = _import_zstd()
        self._error, self._file = library.ZstdError, library.open(source)

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        try:
            return cast("bytes", self._file.read(size))
        except self._error as error:
            raise OSError(str(error)) from error


def _import_zstd() -> ModuleType:
    for name in _ZSTD_LIBRARIES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise UnreadableImage(
        "This Python cannot decompress Zstandard", advice="Install the Python package backports.zstd."
    )
