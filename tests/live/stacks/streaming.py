"""The API with an answer that has no end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse
from words.service import app  # type: ignore[import-not-found]  # it is in the image


@app.get("/events")  # type: ignore[untyped-decorator]  # as above
async def stream() -> StreamingResponse:
    """Send an event each tenth of a second, for ever."""

    async def send() -> AsyncIterator[str]:
        while True:
            yield "data: tick\n\n"
            await asyncio.sleep(0.1)

    return StreamingResponse(send(), media_type="text/event-stream")
