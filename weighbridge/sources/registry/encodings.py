"""Undoes what a server or a proxy did to a body for its way, as `Content-Encoding` says.

We ask for none, but some compress all the same. Other stores call a layer encoded that is gzip by itself: undone, its
digest would be another. What the first bytes unpack to tells one from the other.
"""

from __future__ import annotations

import zlib
from typing import Protocol

from weighbridge.errors import UnreadableImage
from weighbridge.sources.tar import compression
from weighbridge.sources.tar.compression import Readable, decompress, identify_compression, is_compressed

_GZIP = {"gzip", "x-gzip"}
_HEAD_BYTES = 2**12
_PEEK_BYTES = 512
_MOST = 2
"""How many times its size a body may have on its way, so that a stream of nothing has an end."""


class Body(Readable, Protocol):
    """The body of an answer."""

    @property
    def encoding(self) -> str:
        """The `Content-Encoding` header; empty if there is none."""


def open_body(body: Body, size: int, *, is_gzip: bool = False) -> Readable:
    """Return a body as it was before a server encoded it.

    Args:
        body: The body, from its first byte.
        size: The most bytes that the decoded body may have.
        is_gzip: Whether the file itself is compressed with gzip, as most layers are.

    Raises:
        zlib.error, OSError, EOFError: The body is damaged; raised while the caller reads it.
    """
    if body.encoding.strip().lower() not in _GZIP:
        return body
    head = body.read(_HEAD_BYTES)
    source = _Behind(head, body, _MOST * size + _HEAD_BYTES)
    if identify_compression(head) != "gzip" or (is_gzip and not is_compressed(_peek(head))):
        return source
    return decompress(source, head)


def read_document(body: Body, size: int) -> bytes:
    """Return a document's first bytes, as many as `size`.

    Raises:
        UnreadableImage: They are damaged.
    """
    try:
        return open_body(body, size).read(size)
    except compression.DAMAGE as error:
        raise UnreadableImage("What the server compressed for its way is damaged") from error


def _peek(head: bytes) -> bytes:
    """Return the first bytes that gzip makes of a head, empty where it is damaged."""
    try:
        return zlib.decompressobj(wbits=31).decompress(head, _PEEK_BYTES)
    except zlib.error:
        return b""


class _Behind:
    """A stream from its beginning, of which some bytes were read before."""

    def __init__(self, head: bytes, rest: Readable, most: int) -> None:
        self._head, self._rest, self._left = head, rest, most

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end."""
        block, self._head = self._head[:size], self._head[size:]
        if len(block) < size:
            block += self._rest.read(size - len(block))
        self._left -= len(block)
        if self._left < 0:
            raise OSError("it is compressed to more than it was")
        return block
