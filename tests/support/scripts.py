"""Runs the scripts as containers do, and servers for them to ask."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import uvicorn

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

NO_PROXY_EITHER = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
"""An environment whose proxy must not come between."""


def command_of(script: ModuleType, *arguments: object, interpreter: str = sys.executable) -> list[str]:
    """Return the words that run a script without the environment's own site-packages."""
    source = Path(str(script.__file__)).read_text(encoding="utf-8")
    words = [each if isinstance(each, str) else json.dumps(each) for each in arguments]
    return [interpreter, "-I", "-S", "-c", source, *words]


def run(
    script: ModuleType,
    *arguments: object,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    interpreter: str = sys.executable,
) -> Any:
    """Run a script to its end and return the JSON of its last line."""
    done = subprocess.run(
        command_of(script, *arguments, interpreter=interpreter),
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={**NO_PROXY_EITHER, **(environment or {})},
        timeout=30,
    )
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def started(script: ModuleType, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Start a script and let the test read its output line by line."""
    with subprocess.Popen(
        command_of(script, *arguments), stdout=subprocess.PIPE, text=True, env=NO_PROXY_EITHER
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> list[str]:
    """Return the lines that a script still prints until it ends."""
    told, _ = process.communicate(timeout=30)
    return str(told).splitlines()


class QuickServer(uvicorn.Server):
    """Stops at once, because the test has its answers by then; uvicorn itself waits twice for 0.1 s."""

    async def main_loop(self) -> None:
        """Wait for the end."""
        while not self.should_exit:  # noqa: ASYNC110 - another thread sets it
            await asyncio.sleep(0.005)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drop what is still open."""
        for each in (*self.servers, *(sockets or ())):
            each.close()
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)


@contextmanager
def serving(app: App, port: int = 0) -> Iterator[int]:
    """Serve an application on this machine, and return its port."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none")
        server = QuickServer(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


@contextmanager
def speaking(*pieces: bytes, pause: float) -> Iterator[int]:
    """Answer one connection with bytes, a pause after each piece, whatever it asks; return the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=_speak, args=(listener, pieces, pause))
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def _speak(listener: socket.socket, pieces: tuple[bytes, ...], pause: float) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.settimeout(pause)
        for piece in pieces:
            try:
                connection.sendall(piece)
                if connection.recv(65536) == b"":
                    return  # the other side has gone
            except TimeoutError:
                continue
            except ConnectionError:
                return


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def answer(send: Send, status: int, body: bytes = b"", **headers: str) -> None:
    """Send a whole answer."""
    told = [(name.encode(), value.encode()) for name, value in headers.items()]
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *told]})
    await send({"type": "http.response.body", "body": body})


async def body_of(receive: Receive) -> bytes:
    """Return the whole body of a request."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body
