"""A registry in a thread, over real HTTP, that can be told to misbehave."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.support.images import OciBlobs

_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs)/(?P<target>[^/?]+)")


@dataclass(frozen=True)
class Request:
    """What a client asked for."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By names in small letters."""
    body: bytes = b""

    @property
    def kind(self) -> str:
        """`manifests`, `blobs`, or nothing."""
        match = _PATH.match(self.path)
        return match["kind"] if match else ""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 20
    server: Registry
    request_seen: Request

    def do_GET(self) -> None:
        """Answer as the registry would, unless `intercept` answers."""
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.request_seen = Request(self.command, self.path, headers, self.rfile.read(length))
        self.server.requests.append(self.request_seen)
        if not (self.server.intercept and self.server.intercept(self)):
            self.server.answer(self)

    do_POST = do_GET  # noqa: N815 - the name that `http.server` looks for

    def send(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bool:
        """Send a whole answer; return True, so that it may be an interceptor's last word."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        return True

    def wait(self) -> None:
        """Do nothing until the registry is closed."""
        self.close_connection = True
        self.server.closing.wait(10)

    def log_message(self, *_: object) -> None:
        """Be silent."""


Intercept = Callable[[Handler], bool]


class Registry(ThreadingHTTPServer):
    """A registry with some blobs, and manifests under some tags. Use it as a context manager."""

    daemon_threads = False

    def __init__(
        self,
        blobs: OciBlobs | None = None,
        tags: Mapping[str, Mapping[str, Any]] | None = None,
        intercept: Intercept | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.blobs, self.tags, self.intercept = blobs or OciBlobs(), tags or {}, intercept
        self.requests: list[Request] = []
        self.closing = threading.Event()
        self._tls = tls
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def host(self) -> str:
        """Where it is, for references."""
        return f"127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; the handshake takes place in the connection's own thread, at its first read."""
        connection, address = super().get_request()
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, *_: object) -> None:
        """Be silent: a client may go away."""

    def answer(self, handler: Handler) -> None:
        """Answer a request as the distribution specification has it."""
        match = _PATH.fullmatch(handler.path)
        target = match["target"] if match else ""
        described = self.tags.get(target, {"digest": target})
        data = self.blobs.by_digest.get(described["digest"])
        if data is None:
            handler.send(404, b'{"errors": [{"code": "UNKNOWN", "message": "not here"}]}')
        else:
            handler.send(200, data, {"Content-Type": described.get("mediaType", "application/octet-stream")})
