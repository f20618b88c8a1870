"""Runs inside a container, as `python -c … JSON`: answers in place of third parties, by HTTP and HTTPS.

It writes the certificate authority where the roles look for it. Each line of its output is JSON and says what came:
`ready`, a request with its answer, or a handshake that failed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

try:
    import ssl
except ImportError:  # the image can do without
    ssl = None  # type: ignore[assignment]

_HANDSHAKE_SECONDS = 10.0
_WITHOUT_BODY = frozenset({204, 304})


class Handler(BaseHTTPRequestHandler):
    """Gives the answer that is prepared for a request, or 404."""

    protocol_version = "HTTP/1.1"
    timeout = 60.0

    def answer(self) -> None:
        """Read the request, say what came, and answer."""
        server, host = self.server, self.headers.get("Host", "").partition(":")[0].lower()
        if not isinstance(server, Server):
            return
        self.skip_body()
        found = find_answer(server.hosts.get(host, []), self.command, self.path)
        status, body = (found["status"], found["body"].encode()) if found else (404, b"no stub answers this")
        seen = {"host": host, "scheme": server.scheme, "method": self.command, "path": self.path, "status": status}
        say(**seen, prepared=found is not None)
        self.send_response_only(status)
        for name, value in (found["headers"] if found else {}).items():
            self.send_header(name, value)
        if status not in _WITHOUT_BODY:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status not in _WITHOUT_BODY and self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer  # noqa: N815 - http.server's names

    def skip_body(self) -> None:
        """Read what the request sends, so that the next request of the connection comes after it."""
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            return
        while size := int(self.rfile.readline().partition(b";")[0] or b"0", 16):
            self.rfile.read(size + 2)  # and the end of the line
        while self.rfile.readline().strip():
            pass  # trailers

    def log_message(self, *_: object) -> None:
        """Say nothing more."""


class Server(ThreadingHTTPServer):
    """A server for all hosts at one port."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, hosts: dict[str, list[dict[str, Any]]], context: Any = None) -> None:
        super().__init__(("", port), Handler)
        self.hosts, self.context = hosts, context
        self.scheme = "https" if context else "http"

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands, if that is due, in the thread of the connection, and answer what comes."""
        if self.context is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(_HANDSHAKE_SECONDS)
        secured = self.context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        try:
            secured.do_handshake()
        except OSError as error:
            reason = getattr(error, "reason", None) or str(error)
            say(host=getattr(secured, "wanted_host", ""), handshake=reason.lower().replace("_", " "))
            secured.close()
            return
        with secured:
            super().finish_request(secured, client_address)

    def handle_error(self, *_: object) -> None:
        """Say nothing if a client goes away."""


def build_context(certificate: str, key: str) -> Any:
    """Return what TLS needs: the certificate with its key, and a note on each socket of the host that it asks for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:  # the module `ssl` reads only files
        path = Path(folder, "pem")
        path.write_text(certificate + key, encoding="ascii")
        context.load_cert_chain(path)

    def note_host(secured: Any, host: Any, _: object) -> None:
        secured.wanted_host = host or ""

    context.sni_callback = note_host
    return context


def find_answer(answers: list[dict[str, Any]], method: str, path: str) -> dict[str, Any] | None:
    """Return the first answer to such a request; its query counts only if the prepared path has one."""
    for each in answers:
        if each["method"] == method and each["path"] in {path, path.partition("?")[0]}:
            return each
    return None


def say(**seen: object) -> None:
    """Print what came, on a line of its own, also if several threads print."""
    os.write(1, f"{json.dumps(seen)}\n".encode())


def main() -> None:
    """Write the authority, listen, and wait for SIGTERM."""
    wanted = json.loads("".join(sys.argv[1:]))
    Path(wanted["authority_file"]).write_text(wanted["authority"], encoding="ascii")
    servers = [Server(wanted["http_port"], wanted["hosts"])]
    if ssl is not None:
        context = build_context(wanted["certificate"], wanted["key"])
        servers.append(Server(wanted["https_port"], wanted["hosts"], context))
    for server in servers:
        Thread(target=server.serve_forever, daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    say(ready=[server.server_port for server in servers])
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
