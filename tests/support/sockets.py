"""Answers HTTP on a socket, as an engine does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from urllib.parse import urlsplit

Answers = dict[str, tuple[int, str]]
ANSWERS: Answers = {"/version": (200, '{"ApiVersion": "1.41"}'), "/_ping": (200, "OK")}


@contextmanager
def serving(path: Path, answers: Answers) -> Iterator[None]:
    """Answer HTTP on a socket: end of the path -> status and body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = next(answer for end, answer in answers.items() if urlsplit(self.path).path.endswith(end))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingUnixStreamServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
