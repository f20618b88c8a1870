"""Limits how finely a body may be cut into chunks: the server parses each one, and answers nobody else meanwhile."""

from __future__ import annotations

from typing import Any

import h11

FREE_CHUNKS = 1000
"""A small body may be cut into any pieces."""
BYTES_EACH = 1000
"""A larger one may have a further chunk for each so many bytes. Of chunks of one byte, those that the server reads at
once would keep it busy for most of a second."""
REFUSAL = "The body is cut into too many small chunks. Send larger ones, or a Content-Length."


class ChunkLimit(h11.Connection):
    """h11's side of a server, except that a body in tiny chunks is as wrong as one in chunks that are none."""

    def __init__(self, most_head_bytes: int | None = None) -> None:
        """Begin; None: a head may have as many bytes as h11 allows by itself."""
        super().__init__(
            h11.SERVER, **({} if most_head_bytes is None else {"max_incomplete_event_size": most_head_bytes})
        )
        self.is_exceeded = False
        self._chunks = self._bytes = 0

    def next_event(self) -> Any:
        """Return what h11 found next.

        Raises:
            RemoteProtocolError: It is no HTTP, or a chunk too many.
        """
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._chunks = self._bytes = 0
        elif isinstance(event, h11.Data):
            self._chunks += event.chunk_start
            self._bytes += len(event.data)
            if self._chunks > FREE_CHUNKS + self._bytes // BYTES_EACH:
                self.is_exceeded = True
                raise h11.RemoteProtocolError(REFUSAL)
        return event
