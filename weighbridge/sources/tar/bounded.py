"""A stream that must have its stated length, and reports how many bytes were read."""

from __future__ import annotations

import io
from collections.abc import Callable
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
        view = memoryview(buffer)
        try:
            block = self._read_next(len(view))
        except UnreadableImage as error:
            self.fault = error
            raise
        view[: len(block)] = block
        self._left -= len(block)
        self._on_bytes(len(block))
        return len(block)

    def _read_next(self, size: int) -> bytes:
        block = self._source.read(min(size, self._left + 1))
        if len(block) > self._left:
            raise UnreadableImage(f"{self._name} is longer than its stated {self._size} bytes")
        if not block and self._left:
            raise UnreadableImage(f"{self._name} ends after {self._size - self._left} of {self._size} bytes")
        return block
