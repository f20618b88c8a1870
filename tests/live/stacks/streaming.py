"""The API with an answer that has no end, which begins with what a third party says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.request import urlopen

from fastapi.responses import StreamingResponse
from words.service import app  # type: ignore[import-not-found]  # it is in the image


@app.get("/events")  # type: ignore[untyped-decorator]  # as above
async def stream() -> StreamingResponse:
    """Send an event each tenth of a second, for ever."""
    first = await asyncio.to_thread(read, "https://events.example.com/v1/first")

    async def send() -> AsyncIterator[str]:
        while True:
            yield f"data: {first['word']}\n\n"
            await asyncio.sleep(0.1)

    return StreamingResponse(send(), media_type="text/event-stream")


def read(url: str) -> dict[str, str]:
    """Return the JSON at an address, by a client that knows nothing of stubs."""
    with urlopen(url, timeout=5) as answer:  # noqa: S310 - https alone
        return dict(json.load(answer))
