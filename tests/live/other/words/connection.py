"""uvicorn's protocol, except that a head and a pause in reading may take five seconds each."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS = 5


class Connection(H11Protocol):
    """Closes connections whose clients do not go on."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base
        """Limit the head."""
        super().connection_made(transport)
        self.head: Any = self.loop.call_later(SECONDS, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Lift that once a request is there."""
        super().data_received(data)
        if self.cycle is not None:
            self.head.cancel()

    def pause_writing(self) -> None:
        """Limit how long the client may let us wait."""
        super().pause_writing()
        self.reading: Any = self.loop.call_later(SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        self.reading.cancel()
        super().resume_writing()
