"""The API: takes orders, and tells their prices."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Annotated, TypeVar

import psycopg
from fastapi import Body, FastAPI, HTTPException
from kombu.exceptions import OperationalError

from . import jobs, store

_T = TypeVar("_T")
_SECONDS = 3
_ONCE = {"max_retries": 1, "interval_start": 0.1}
app = FastAPI(title="Shop")


@app.get("/livez")
async def live() -> dict[str, bool]:
    """The process serves."""
    return {"live": True}


@app.get("/readyz")
async def ready() -> dict[str, bool]:
    """Database and broker answer."""
    await _within_seconds(_ask_database)
    await _within_seconds(_ask_broker)
    return {"ready": True}


@app.post("/orders", status_code=202)
async def add(item: Annotated[str, Body()], count: Annotated[int, Body(ge=1, le=1000)]) -> dict[str, str]:
    """Store an order and have its price found."""
    name = str(uuid.uuid4())
    await _within_seconds(lambda: store.add(name, item, count))
    await _within_seconds(lambda: jobs.app.send_task("shop.price", [name], retry_policy=_ONCE))
    return {"id": name}


@app.get("/orders/{name}")
async def get(name: uuid.UUID) -> dict[str, str | int | None]:
    """Tell an order and, once it is known, its price."""
    found = await _within_seconds(lambda: store.find(str(name)))
    if found is None:
        raise HTTPException(404, "There is no such order")
    item, count, price = found
    return {"item": item, "count": count, "price": price, "status": "pending" if price is None else "done"}


def _ask_database() -> None:
    with store.connect():
        pass


def _ask_broker() -> None:
    with jobs.app.connection_for_write(connect_timeout=2) as connection:
        connection.connect()


async def _within_seconds(ask: Callable[[], _T]) -> _T:
    """Ask a service; its name alone may take long to resolve."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(ask), _SECONDS)
    except (OSError, TimeoutError, OperationalError, psycopg.OperationalError) as error:
        raise HTTPException(503, "A service does not answer") from error
