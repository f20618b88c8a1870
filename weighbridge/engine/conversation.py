"""Talks to a program in a container, line by line, by the SDK's low-level interface."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from weighbridge.errors import EngineFault

_FRAME_HEADER_BYTES = 8
"""As in `execution`."""
_OUTPUT = 1
_READ_BYTES = 64 * 1024
_SEND_SECONDS = 30.0
_TOLD_CHARACTERS = 300


class Conversation:
    """A program that reads lines from its standard input, and writes lines to its standard output."""

    def __init__(self, stream: Any) -> None:
        """Take over the stream that the SDK has opened; see `begin`."""
        self._stream, self._socket = stream, getattr(stream, "_sock", stream)
        self._received, self._lines, self._errors = bytearray(), bytearray(), bytearray()

    def send(self, line: str) -> None:
        """Send a line, which has no line break in it.

        Raises:
            EngineFault: The program has ended, or takes nothing, or the engine went away.
        """
        try:
            self._socket.settimeout(_SEND_SECONDS)
            self._socket.sendall(f"{line}\n".encode())
        except OSError as error:
            raise EngineFault(f"The connection to the program is lost: {error}") from error

    def receive(self, seconds: float) -> str | None:
        """Return the next line that the program prints; None if nothing came for that long.

        Raises:
            EngineFault: The program has ended, or the engine went away.
        """
        try:
            self._socket.settimeout(seconds)
            while b"\n" not in self._lines:
                self._take_frames()
        except TimeoutError:
            return None
        except OSError as error:
            raise EngineFault(f"The connection to the program is lost: {error}") from error
        line, _, self._lines = self._lines.partition(b"\n")
        return line.decode(errors="replace")

    def close(self) -> None:
        """Close the connection; the program ends, because its standard input does."""
        # The SDK keeps the answer alive by the stream; closed after that, it complains.
        whole: list[Any] = [getattr(self._stream, "_response", self._stream), self._stream, self._socket]
        for each in whole:
            with suppress(OSError):
                each.close()

    def _take_frames(self) -> None:
        """Take in what the engine sends next: frames of both output streams."""
        data = self._socket.recv(_READ_BYTES)
        if not data:
            said = self._errors.decode(errors="replace").strip().splitlines()[-1:]
            raise EngineFault(f"The program has ended{': ' * bool(said)}{''.join(said)[:_TOLD_CHARACTERS]}")
        self._received += data
        while len(self._received) >= _FRAME_HEADER_BYTES:
            end = _FRAME_HEADER_BYTES + int.from_bytes(self._received[4:_FRAME_HEADER_BYTES])
            if len(self._received) < end:
                return
            into = self._lines if self._received[0] == _OUTPUT else self._errors
            into += self._received[_FRAME_HEADER_BYTES:end]
            del self._received[:end]


def begin(api: Any, container: str, command: Sequence[str]) -> Conversation:
    """Start a program in a running container. It must print nothing until it has read a line.

    Args:
        api: The SDK's `APIClient`.
        container: A running container.
        command: Program and arguments.
    """
    job = api.exec_create(container, list(command), stdin=True)["Id"]
    return Conversation(api.exec_start(job, socket=True))
