"""What a pool and its processes send each other through pipes: values, and streams of bytes.

Values are pickled. That is safe here because both ends are ours, and nobody else has the pipe.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any, BinaryIO

from weighbridge.sources.tar.compression import Readable

PIECE_BYTES = 2**17
_LENGTH = struct.Struct("=Q")


def send(pipe: BinaryIO, value: object) -> None:
    """Send a value."""
    pickle.dump(value, pipe, pickle.HIGHEST_PROTOCOL)
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """Return the next value.

    Raises:
        EOFError: The other end has closed the pipe.
    """
    try:
        return pickle.load(pipe)  # noqa: S301 - see the module's docstring
    except pickle.UnpicklingError as error:
        raise EOFError("the pipe was closed") from error


def send_stream(pipe: BinaryIO, source: Readable) -> None:
    """Send all bytes of a stream, piece by piece."""
    while block := source.read(PIECE_BYTES):
        pipe.write(_LENGTH.pack(len(block)))
        pipe.write(block)
    pipe.write(_LENGTH.pack(0))
    pipe.flush()


class Incoming:
    """A stream that `send_stream` sends; `head` has its first bytes before they are read."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe, self._ended = pipe, False
        self._unread = self.head = self._read_piece()

    def read(self, size: int, /) -> bytes:
        """Return the next `size` bytes, fewer only at the end.

        Raises:
            EOFError: The other end has closed the pipe before the stream's end.
        """
        block, self._unread = self._unread[:size], self._unread[size:]
        while len(block) < size and (piece := self._read_piece()):
            wanted = size - len(block)
            block, self._unread = block + piece[:wanted], piece[wanted:]
        return block

    def drain(self) -> None:
        """Read to the end, where the next value begins."""
        self._unread = b""
        while self._read_piece():
            pass

    def _read_piece(self) -> bytes:
        piece = b"" if self._ended else _read_frame(self._pipe)
        self._ended = not piece
        return piece


def _read_frame(pipe: BinaryIO) -> bytes:
    length = pipe.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        raise EOFError("the pipe was closed")
    (size,) = _LENGTH.unpack(length)
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError("the pipe was closed")
    return data
