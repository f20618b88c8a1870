"""Runs inside a container, as `python -c … JSON`: opens connections that ask and do not go on, and asks for others.

Each connection sends a text and reads nothing. If it drips, it also sends one more byte each second, as a client does
whose request never ends. Meanwhile a client that behaves asks again and again, until each of its paths was answered
with 200 or the time is up.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException

_SEND_SECONDS = 1.0
_RECEIVE_BYTES = 4096
"""A small window, so that the server cannot leave the answers to the kernel of this side."""
_DRIP_SECONDS = 1.0
_ANSWER_SECONDS = 5.0
_PAUSE_SECONDS = 0.2
_POLLRDHUP = 0x2000
"""Linux: the other side has closed its end, which tells without reading."""


class Crowd:
    """The connections that do not go on."""

    def __init__(self, *, host: str, port: int, text: str, clients: int, drips: bool) -> None:
        self._open: list[socket.socket] = []
        self.opened = self.refused = 0
        self._drips, self._dripped_at = drips, time.monotonic()
        for _ in range(clients):
            self._begin(host, port, text.encode())

    def _begin(self, host: str, port: int, data: bytes) -> None:
        """Open a connection and send as much of the text as the server takes."""
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        connection.settimeout(_SEND_SECONDS)
        try:
            connection.connect((host, port))
        except OSError:
            connection.close()
            self.refused += 1
            return
        self.opened += 1
        self._open.append(connection)
        connection.settimeout(0)
        send(connection, data)

    def pause(self) -> None:
        """Wait for a moment; if it drips and that is due, send one more byte by each connection."""
        if self._drips and time.monotonic() >= self._dripped_at + _DRIP_SECONDS:
            self._dripped_at = time.monotonic()
            for connection in self._open:
                send(connection, b"x")
        time.sleep(_PAUSE_SECONDS)

    def count_closed(self) -> int:
        """Return how many connections the server has closed by now."""
        poll = select.poll()
        for connection in self._open:
            poll.register(connection, _POLLRDHUP)
        return len(poll.poll(0))

    def close(self) -> None:
        """Close all of them."""
        for connection in self._open:
            connection.close()


def send(connection: socket.socket, data: bytes) -> None:
    """Send what fits; nothing does if the buffer is full, or the server has closed the connection."""
    with suppress(OSError):
        connection.send(data)


def hold(
    *,
    host: str,
    port: int,
    text: str,
    clients: int,
    drips: bool,
    paths: list[str],
    headers: dict[str, str],
    settle_seconds: float,
    limit_seconds: float,
) -> dict[str, object]:
    """Return how many connections were opened, refused and closed, and for each path what was answered, and when.

    The limit counts for each path, from when the server has had `settle_seconds` to do what it was asked.
    """
    crowd = Crowd(host=host, port=port, text=text, clients=clients, drips=drips)
    try:
        settled = time.monotonic() + settle_seconds
        while time.monotonic() < settled:
            crowd.pause()
        answers = []
        for path in paths:
            began = time.monotonic()
            while True:
                found = ask(host, port, path, headers)
                took = time.monotonic() - began
                if found.get("status") == 200 or took > limit_seconds:  # noqa: PLR2004 - HTTP's own
                    break
                crowd.pause()
            answers.append({**found, "path": path, "seconds": took})
        closed = crowd.count_closed()
    finally:
        crowd.close()
    return {"opened": crowd.opened, "refused": crowd.refused, "closed": closed, "answers": answers}


def ask(host: str, port: int, path: str, headers: dict[str, str]) -> dict[str, object]:
    """Return the status of the answer to a GET, or why none came."""
    connection = HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a path or header that HTTP does not allow
        return {"error": str(error) or type(error).__name__}
    finally:
        connection.close()
    return {"status": answer.status}


if __name__ == "__main__":
    print(json.dumps(hold(**json.loads("".join(sys.argv[1:])))))  # noqa: T201 - the output is the point
