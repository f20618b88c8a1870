"""Runs inside a container, as `python -c … JSON`: asks an API until it is live, then until it is ready; prints when."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

_PAUSE_SECONDS = 0.01
_ASK_SECONDS = 2.0
_MOST_BYTES = 64 * 1024
_PATIENCE_SECONDS = 5.0
"""How long an API may say without a break that a request is wrong, such as no path of its own: time heals that not."""
_WRONG_PAUSE_SECONDS = 0.1
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


def arrival(
    *, host: str, port: int, live: str, ready: str, seconds: float, headers: dict[str, str]
) -> dict[str, object]:
    """Return when each of the two paths first answered 200, since the epoch, and the last answer of each.

    One is asked after the other, never both at once: a start is not made slower by who watches it. An answer that hangs
    when the time is up is still waited for, as long as any: the last answer tells why the API did not arrive.
    """
    until = time.monotonic() + seconds
    live_at, live_answer = wait_for(host, port, live, headers, until)
    ready_at, ready_answer = (None, None) if live_at is None else wait_for(host, port, ready, headers, until)
    return {"live_at": live_at, "ready_at": ready_at, "live": live_answer, "ready": ready_answer}


def wait_for(
    host: str, port: int, path: str, headers: dict[str, str], until: float
) -> tuple[float | None, dict[str, object]]:
    """Ask until the answer is 200 or the time is up; return when that was, if it was, and the last answer.

    The time is up early where the API has long been there and finds nothing but fault with the request.
    """
    wrong_since = None
    while True:
        answer = ask(host, port, path, headers)
        if answer.get("status") == HTTPStatus.OK:
            return time.time(), answer
        now = time.monotonic()
        wrong_since = (wrong_since or now) if is_wrong(answer) else None
        if now >= until or (wrong_since and now - wrong_since >= _PATIENCE_SECONDS):
            return None, answer
        time.sleep(_WRONG_PAUSE_SECONDS if wrong_since else _PAUSE_SECONDS)  # each stands in the API's log


def is_wrong(answer: dict[str, object]) -> bool:
    """Return whether an API says that the request is wrong, and will say so for ever."""
    status = answer.get("status")
    return isinstance(status, int) and status // 100 == 4 and status not in _PASSING  # noqa: PLR2004 - 4xx


def ask(host: str, port: int, path: str, headers: dict[str, str]) -> dict[str, object]:
    """Return status and body; the error where no answer comes: no such name yet, nobody there yet, or silence."""
    connection = HTTPConnection(host, port)
    try:
        with within(_ASK_SECONDS):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return {"status": answer.status, "body": answer.read(_MOST_BYTES).decode(errors="replace")}
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a path or a header that HTTP cannot carry
        return {"error": str(error) or type(error).__name__, "body": ""}
    finally:
        connection.close()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` when the time is up: a socket's own limit starts anew with each byte that trickles in."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"no answer within {seconds:g} s")

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    print(json.dumps(arrival(**json.loads(sys.argv[1]))))  # noqa: T201 - the output is the point
