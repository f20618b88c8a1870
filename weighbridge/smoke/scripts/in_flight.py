"""Runs inside a container, as `python -c … JSON`: sends half a request, and the rest when the server takes no more.

Between the two it prints `begun`: now is the time to stop the server. What was begun must still be answered.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from http.client import HTTPConnection, HTTPException

_PAUSE_SECONDS = 0.05
_AFTERWARDS_SECONDS = 0.2
"""Between the end of new connections and the rest of the request: a server that drops what is in flight does it now."""


def send_in_halves(
    *, host: str, port: int, method: str, path: str, headers: dict[str, str], body: str, hold_seconds: float
) -> dict[str, object]:
    """Return the answer, or why none came, and whether new connections were refused meanwhile."""
    data, closed = body.encode(), False
    if not data:
        return {"error": "a request without a body has no second half", "closed": closed}
    connection = HTTPConnection(host, port, timeout=hold_seconds)
    try:
        begin(connection, method, path, headers, data)
        print("begun", flush=True)  # noqa: T201 - the other side waits for it
        closed = wait_for_refusal(host, port, hold_seconds)
        time.sleep(_AFTERWARDS_SECONDS)
        finish(connection, data)
        answer = connection.getresponse()
        told = answer.read().decode(errors="replace")
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a path or a header that HTTP cannot carry
        return {"error": str(error) or type(error).__name__, "closed": closed}
    finally:
        connection.close()
    return {"status": answer.status, "body": told, "closed": closed}


def begin(connection: HTTPConnection, method: str, path: str, headers: dict[str, str], data: bytes) -> None:
    """Send all but the second half of the body."""
    connection.putrequest(method, path)
    for name, value in {**headers, "Content-Length": str(len(data))}.items():
        connection.putheader(name, value)
    connection.endheaders(data[: len(data) // 2])


def finish(connection: HTTPConnection, data: bytes) -> None:
    """Send the rest; a server that closed its end may have answered before."""
    try:
        connection.send(data[len(data) // 2 :])
    except ConnectionError:
        if connection.sock is None:
            raise


def wait_for_refusal(host: str, port: int, seconds: float) -> bool:
    """Tell whether new connections failed before the time was up."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            socket.create_connection((host, port), 1).close()
        except socket.timeout:  # noqa: UP041 - no TimeoutError before Python 3.10
            pass  # a busy server is not a closed one
        except OSError:  # refused, reset, or its address is gone with it
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


if __name__ == "__main__":
    print(json.dumps(send_in_halves(**json.loads(sys.argv[1]))))  # noqa: T201 - the output is the point
