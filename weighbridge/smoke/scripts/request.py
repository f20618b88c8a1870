"""Runs inside a container, as `python -c … JSON`: sends HTTP requests one after the other and prints the answers."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, IncompleteRead

_MOST_BYTES = 1024 * 1024


def send_request(
    *,
    host: str,
    port: int,
    method: str,
    path: str,
    headers: dict[str, str],
    body: str | None,
    seconds: float,
    with_headers: bool = False,
) -> dict[str, object]:
    """Return status and body of the answer, where it redirects to and, if wanted, its headers; or why none came."""
    connection = HTTPConnection(host, port)
    try:
        with limit_time(seconds):
            connection.request(method, path, None if body is None else body.encode(errors="surrogateescape"), headers)
            answer = connection.getresponse()
            content = answer.read(_MOST_BYTES)
            if answer.length and len(content) < _MOST_BYTES:  # `read` with a limit does not report it
                raise IncompleteRead(content, answer.length)
        found: dict[str, object] = {"status": answer.status, "body": content.decode(errors="replace")}
        if with_headers:
            found["headers"] = answer.getheaders()
        return {**found, "location": answer.getheader("Location")} if "Location" in answer.headers else found
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a path or header that HTTP does not allow
        return {"error": str(error) or type(error).__name__}
    finally:
        connection.close()


@contextmanager
def limit_time(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` when the time is up. A socket's own timeout would start again with each byte received."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"no answer within {seconds:g} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    """Send the requests and print the answers."""
    wanted = json.loads("".join(sys.argv[1:]))
    place = {"host": wanted["host"], "port": wanted["port"], "seconds": wanted["timeout_seconds"]}
    answers = [send_request(**place, **each) for each in wanted["requests"]]
    print(json.dumps(answers))  # noqa: T201 - the output is the point


if __name__ == "__main__":
    main()
