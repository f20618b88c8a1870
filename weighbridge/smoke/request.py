"""Runs inside the API's container, as `python -c … JSON`: sends one HTTP request and prints the answer as JSON.

The standard library alone, and never through a proxy.
"""

from __future__ import annotations

import json
import socket
import sys
from http.client import HTTPConnection, HTTPException

_TIMEOUT_SECONDS = 10


def send(
    *, host: str, port: int, method: str, path: str, headers: dict[str, str], body: str | None
) -> dict[str, str | int | bool]:
    """Return status and body of the answer; where none comes, why, and whether the server listens on loopback alone."""
    connection = HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(method, path, None if body is None else body.encode(), headers)
        answer = connection.getresponse()
        return {"status": answer.status, "body": answer.read().decode(errors="replace")}
    except ConnectionRefusedError as error:
        return {"error": str(error), "on_loopback": listens_on_loopback(port)}
    except (OSError, HTTPException) as error:
        return {"error": str(error) or type(error).__name__, "on_loopback": False}
    finally:
        connection.close()


def listens_on_loopback(port: int) -> bool:
    """Tell whether somebody takes connections there."""
    try:
        socket.create_connection(("localhost", port), 1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    print(json.dumps(send(**json.loads(sys.argv[1]))))  # noqa: T201 - the output is the point
