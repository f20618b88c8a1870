"""An answer whose content is read while it is sent, and which may therefore have to be cut off."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from backend.errors import BackendError, root_cause

_log = logging.getLogger(__name__)


class SlicedResponse(StreamingResponse):
    """JSON of a known length. If reading fails, the server closes the connection, and the client has got less."""

    def __init__(self, parts: AsyncIterator[bytes], length: int) -> None:
        super().__init__(parts, headers={"Content-Length": str(length)}, media_type="application/json")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        except BackendError as error:  # the answer has begun, so nobody can be told another way
            _log.warning("an answer was cut off: %s", root_cause(error))
