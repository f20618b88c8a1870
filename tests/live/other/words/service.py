"""The API: takes texts, tells how many words they have."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Annotated

from fastapi import Body, FastAPI, HTTPException, Path
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from . import jobs

COUNT = "words.count"
ONCE = {"max_retries": 1, "interval_start": 0.1}
SECONDS = 3
app = FastAPI(title="Words")
app.description = "Counts words. " * 6000  # so long that it does not fit into a socket
broker = Redis.from_url(jobs.BROKER, socket_timeout=1, socket_connect_timeout=1)


@app.get("/healthz")
async def live() -> dict[str, bool]:
    """The process serves."""
    return {"live": True}


@app.get("/health/ready")
async def ready() -> dict[str, bool]:
    """The broker answers."""
    return {"ready": await _within_seconds(broker.ping)}


@app.post("/texts", status_code=202)
async def add(text: Annotated[str, Body(embed=True)]) -> dict[str, str]:
    """Keep a text and have its words counted."""
    name = uuid.uuid4().hex
    try:
        await asyncio.to_thread(jobs.save, f"{name}.text", text)
    except OSError as error:
        raise HTTPException(503, f"The text cannot be kept: {error.strerror}") from error
    await _within_seconds(lambda: jobs.app.send_task(COUNT, [name], ignore_result=True, retry_policy=ONCE))
    return {"id": name}


@app.get("/texts/{name}")
def get(name: Annotated[str, Path(pattern="^[0-9a-f]{32}$")]) -> dict[str, str | int]:
    """Tell how far a text is."""
    if jobs.load(f"{name}.text") is None:
        raise HTTPException(404, "There is no such text")
    words = jobs.load(f"{name}.count")
    return {"id": name, "status": "pending"} if words is None else {"status": "done", "words": json.loads(words)}


async def _within_seconds(ask: Callable[[], object]) -> bool:
    """Ask the broker; its name alone may take long to resolve."""
    try:
        return bool(await asyncio.wait_for(asyncio.to_thread(ask), SECONDS))
    except (OSError, TimeoutError, OperationalError, RedisError) as error:
        raise HTTPException(503, "The broker does not answer") from error
