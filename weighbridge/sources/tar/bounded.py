"""A stream that has to have the length that was said of it, and tells how far it has come."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from weighbridge.errors import UnreadableImage
from weighbridge.sources.tar.compression import Readable


class Bounded(io.RawIOBase):
    """The bytes of a source, which is an error if they are more or fewer than stated.

    No more than one byte beyond the stated length is taken from the source.
    """

    def __init__(self, source: Readable, size: int, name: str, on_bytes: Callable[[int], object]) -> None:
        """Begin at the source's first byte.

        Args:
            source: Is not closed.
            size: The stated length in bytes.
            name: What an error calls the source.
            on_bytes: Is told how many bytes each piece has.
        """
        self._source, self._size, self._left, self._name, self._on_bytes = source, size, size, name, on_bytes
        self.fault: UnreadableImage | None = None
        """What was raised here, or by the source."""

    def readable(self) -> bool:
        """Tell `io.BufferedReader` that it may read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill the buffer as far as the source has bytes.

        Raises:
            UnreadableImage: The source is longer or shorter than stated.
        """
        view = memoryview(buffer)
        try:
            block = self._next(len(view))
        except UnreadableImage as error:
            self.fault = error
            raise
        view[: len(block)] = block
        self._left -= len(block)
        self._on_bytes(len(block))
        return len(block)

    def _next(self, size: int) -> bytes:
        block = self._source.read(min(size, self._left + 1))
        if len(block) > self._left:
            raise UnreadableImage(f"{self._name} is longer than the {self._size} bytes that it should have")
        if not block and self._left:
            raise UnreadableImage(f"{self._name} ends after {self._size - self._left} of {self._size} bytes")
        return block
