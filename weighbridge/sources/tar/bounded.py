"""A stream that must have its stated length, and reports how many bytes were read."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from weighbridge.errors import UnreadableImage
from weighbridge.sources.tar.compression import Readable


class Bounded(io.RawIOBase):
    """The bytes of a source. Reading raises an error if there are more or fewer than stated.

    At most one byte beyond the stated length is read from the source.
    """

    def __init__(self, source: Readable, size: int, name: str, on_bytes: Callable[[int], object]) -> None:
        """Begin at the source's first byte.

        Args:
            source: A stream; it stays open.
            size: The stated length in bytes.
            name: What an error calls the source.
            on_bytes: Called with the length of each piece in bytes.
        """
        self._source, self._size, self._left, self._name, self._on_bytes = source, size, size, name, on_bytes
        self._peeked = b""
        self.fault: UnreadableImage | None = None
        """The error that this stream or its source has raised."""

    def readable(self) -> bool:
        """Tell `io.BufferedReader` that it may read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read the source's next bytes into the buffer.

        Raises:
            UnreadableImage: The source is longer or shorter than stated.
        """
        block = self.read(len(buffer))
        memoryview(buffer)[: len(block)] = block
        return len(block)

    def read(self, size: int = -1, /) -> bytes:
        """Return the source's next bytes: as many as it gives at once, at most `size`; with -1, all.

        Raises:
            UnreadableImage: The source is longer or shorter than stated.
        """
        if size < 0:
            return self.readall()
        block, self._peeked = self._peeked[:size], self._peeked[size:]
        return block + self._read_source(size - len(block)) if block else self._read_source(size)

    def peek(self, size: int) -> bytes:
        """Return the next bytes as `read` does, which will return them again."""
        self._peeked = self.read(size)
        return self._peeked

    def _read_source(self, size: int) -> bytes:
        try:
            block = self._read_next(size)
        except UnreadableImage as error:
            self.fault = error
            raise
        self._left -= len(block)
        self._on_bytes(len(block))
        return block

    def _read_next(self, size: int) -> bytes:
        block = self._source.read(min(size, self._left + 1))
        if len(block) > self._left:
            raise UnreadableImage(f"{self._name} is longer than its stated {self._size} bytes")
        if not block and self._left:
            raise UnreadableImage(f"{self._name} ends after {self._size - self._left} of {self._size} bytes")
        return block


class SourceFailed(Exception):
    """The source of a layer's bytes has raised an error that says all there is to say."""

    def __init__(self, error: UnreadableImage) -> None:
        """Keep that error."""
        super().__init__(error)
        self.error = error


@contextmanager
def open_bounded(
    source: Callable[[], AbstractContextManager[Readable]], size: int, name: str, on_bytes: Callable[[int], object]
) -> Iterator[Bounded]:
    """Open a source that must have its stated length; see `Bounded` for the arguments.

    Raises:
        SourceFailed: The source cannot be opened, or fails or has another length when it is read.
    """
    bounded = None
    try:
        with source() as opened:
            bounded = Bounded(opened, size, name, on_bytes)
            yield bounded
    except UnreadableImage as error:
        if bounded is None or error is bounded.fault:
            raise SourceFailed(error) from error
        raise
