"""A small HTTP client for many connections at once: it costs little, because it shares the machine with the service."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from benchmarks.service_stack import ServiceStack

ANSWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """The status of an answer, and its JSON."""

    status: int
    content: Any


class Client:
    """One connection, which is opened again when it was closed."""

    def __init__(self, stack: ServiceStack) -> None:
        self._stack = stack
        self._link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a request and return its answer.

        Raises:
            OSError: The connection failed, or there was no whole answer in time.
        """
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._exchange(head.encode() + b"Content-Length: %d\r\n\r\n" % len(content) + content)
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise ConnectionError(str(error)) from error

    async def _exchange(self, request: bytes) -> Answer:
        if self._link is None:
            self._link = await asyncio.open_connection(self._stack.address, self._stack.port)
        reader, writer = self._link
        writer.write(request)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(None, 2)[1])
        length = int(head.partition("content-length:")[2].split(None, 1)[0])
        content = await reader.readexactly(length)
        if "connection: close" in head:
            self.close()
        return Answer(status, json.loads(content))

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        if self._link is not None:
            self._link[1].close()
            self._link = None
