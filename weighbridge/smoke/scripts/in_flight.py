"""Runs inside a container, as `python -c … JSON`: sends half a request, and the rest once the server refuses new ones.

In between it prints `begun`, and then we stop the server. The server must still answer the request. If it has answered
the first half, or closed the connection, nothing is in flight: `begun` is not printed, and the server is not stopped.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from http.client import HTTPConnection, HTTPException

_ACCEPT_SECONDS = 0.3
"""After the first half: how long a busy server may take to accept a connection that the kernel has accepted for it, and
one that does not wait for the rest to answer."""
_PAUSE_SECONDS = 0.05
_AFTERWARDS_SECONDS = 0.2
"""Between the first refused connection and the rest of the request: time for a server to drop what is in flight."""


def send_in_halves(
    *,
    host: str,
    port: int,
    method: str,
    path: str,
    headers: dict[str, str],
    body: str,
    hold_seconds: float,
    limit_seconds: float,
) -> dict[str, object]:
    """Return the answer, or why none came, and whether the server refused new connections in the meantime.

    The server gets the rest of the request as soon as it refuses new connections, or after `hold_seconds` if it does
    not. It may take `limit_seconds` in all.
    """
    data, closed, until = body.encode(errors="surrogateescape"), False, time.monotonic() + limit_seconds
    if not data:
        return {"error": "a request without a body has no second half", "closed": closed}
    connection = HTTPConnection(host, port, timeout=hold_seconds)
    try:
        begin(connection, method, path, headers, data)
        if not is_answered(connection, _ACCEPT_SECONDS):
            print("begun", flush=True)  # noqa: T201 - our side waits for it
            closed = wait_for_refusal(host, port, hold_seconds)
            time.sleep(_AFTERWARDS_SECONDS)
            if connection.sock is not None:
                connection.sock.settimeout(max(hold_seconds, until - time.monotonic()))
            finish(connection, data)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a path or header that HTTP does not allow
        return {"error": str(error) or type(error).__name__, "closed": closed}
    finally:
        connection.close()
    found = {"status": answer.status, "body": text, "closed": closed}
    location = answer.getheader("Location")
    return found if location is None else {**found, "location": location}


def begin(connection: HTTPConnection, method: str, path: str, headers: dict[str, str], data: bytes) -> None:
    """Send the head of the request, each header once, and the first half of its body."""
    given = {name.lower() for name in headers}
    connection.putrequest(
        method, path, skip_host="host" in given, skip_accept_encoding="accept-encoding" in given
    )  # which are those that `putrequest` adds by itself
    for name, value in headers.items():
        if name.lower() != "content-length":
            connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(data)))
    connection.endheaders(data[: len(data) // 2])


def is_answered(connection: HTTPConnection, seconds: float) -> bool:
    """Wait until the server sends something or closes the connection; return whether it has, when the time is up."""
    return bool(select.select([connection.sock], [], [], seconds)[0])


def finish(connection: HTTPConnection, data: bytes) -> None:
    """Send the rest; if the server has closed the connection, it may have answered before."""
    try:
        connection.send(data[len(data) // 2 :])
    except ConnectionError:
        if connection.sock is None:
            raise


def wait_for_refusal(host: str, port: int, seconds: float) -> bool:
    """Wait until a new connection fails or the time is up; return whether one failed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            socket.create_connection((host, port), 1).close()
        except socket.timeout:  # noqa: UP041 - no TimeoutError before Python 3.10
            pass  # the server is busy, but still accepts connections
        except OSError:  # refused, reset, or the address is gone with the container
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


if __name__ == "__main__":
    print(json.dumps(send_in_halves(**json.loads("".join(sys.argv[1:])))))  # noqa: T201 - the output is the point
