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
"""How long an API may go on answering that a request is wrong, such as 404: waiting longer would not help."""
_WRONG_PAUSE_SECONDS = 0.1
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


def watch_arrival(
    *, host: str, port: int, live: str, ready: str, seconds: float, headers: dict[str, str]
) -> dict[str, object]:
    """Return when each of the two paths first answered 200, in seconds since the epoch, and the last answer of each.

    The second path is not asked before the first answers, so that the questions do not slow the start down. If an
    answer is outstanding when the time is up, it gets its usual time: the last answer says why the API did not become
    ready.
    """
    until = time.monotonic() + seconds
    live_at, live_answer = wait_for(host, port, live, headers, until)
    ready_at, ready_answer = (None, None) if live_at is None else wait_for(host, port, ready, headers, until)
    return {"live_at": live_at, "ready_at": ready_at, "live": live_answer, "ready": ready_answer}


def wait_for(
    host: str, port: int, path: str, headers: dict[str, str], until: float
) -> tuple[float | None, dict[str, object]]:
    """Ask until the answer is 200 or the time is up; return when it was 200, or None, and the last answer.

    Give up early if the API has answered for a while, but only that the request is wrong, and at once if it redirects.
    An answer that does not come in time may take twice as long the next time, as far as there is time.
    """
    wrong_since, patience = None, _ASK_SECONDS
    while True:
        answer = ask(host, port, path, headers, patience)
        if answer.get("status") == HTTPStatus.OK:
            return time.time(), answer
        now = time.monotonic()
        if is_redirect(answer):
            return None, answer
        if answer.pop("late", False):
            patience = max(_ASK_SECONDS, min(2 * patience, until - now))
        wrong_since = (wrong_since or now) if is_wrong(answer) else None
        if now >= until or (wrong_since and now - wrong_since >= _PATIENCE_SECONDS):
            return None, answer
        time.sleep(_WRONG_PAUSE_SECONDS if wrong_since else _PAUSE_SECONDS)  # each request is a line in the API's log


def is_redirect(answer: dict[str, object]) -> bool:
    """Tell whether an API answers that something else should be asked for."""
    status = answer.get("status")
    return isinstance(status, int) and status // 100 == 3  # noqa: PLR2004 - 3xx


def is_wrong(answer: dict[str, object]) -> bool:
    """Tell whether an API says that the request is wrong, which will not change by itself."""
    status = answer.get("status")
    return isinstance(status, int) and status // 100 == 4 and status not in _PASSING  # noqa: PLR2004 - 4xx


def ask(host: str, port: int, path: str, headers: dict[str, str], seconds: float) -> dict[str, object]:
    """Return status and body, or an error if no answer comes: the name is unknown, nothing listens, or time is up."""
    connection = HTTPConnection(host, port)
    try:
        with limit_time(seconds):
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            found = {"status": answer.status, "body": answer.read(_MOST_BYTES).decode(errors="replace")}
            location = answer.getheader("Location")
            return found if location is None else {**found, "location": location}
    except TimeoutError as error:
        return {"error": str(error), "body": "", "late": True}
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a path or header that HTTP does not allow
        return {"error": str(error) or type(error).__name__, "body": ""}
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


if __name__ == "__main__":
    print(json.dumps(watch_arrival(**json.loads(sys.argv[1]))))  # noqa: T201 - the output is the point
