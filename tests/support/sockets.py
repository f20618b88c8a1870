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
def serving(path: Path, answers: Answers, *, breaks_off: bool = False) -> Iterator[None]:
    """Answer HTTP on a socket: end of the path -> status and body.

    A body with several lines is sent in chunks, a line in each; with `breaks_off` without the end of the last chunk.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = next(answer for end, answer in answers.items() if urlsplit(self.path).path.endswith(end))
            lines = body.splitlines(keepends=True)
            if len(lines) > 1:
                self._send_chunks(status, lines)
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def _send_chunks(self, status: int, lines: list[str]) -> None:
            self.protocol_version = "HTTP/1.1"
            self.send_response(status)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            text = "".join(f"{len(line):x}\r\n{line}\r\n" for line in lines)
            self.wfile.write((text[:-3] if breaks_off else f"{text}0\r\n\r\n").encode())
            self.close_connection = True

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
