"""Runs inside a container, as `python -c … JSON`: sends requests without a pause and prints which were accepted."""

from __future__ import annotations

import json
import sys
import time
from http.client import HTTPConnection, HTTPException
from threading import Lock, Thread
from uuid import uuid4

_PAUSE_SECONDS = 0.05
_CONNECT_SECONDS = 5.0


class Load:
    """Sends requests from several clients at once, and collects the answers."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        method: str,
        path: str,
        headers: dict[str, str],
        body: str,
        field: str,
        seconds: float,
        clients: int,
        answer_seconds: float = 5.0,
        placeholder: str = "{unique}",
    ) -> None:
        self._host, self._port, self._method, self._path, self._headers = host, port, method, path, headers
        self._body, self._field, self._clients = body, field, clients
        self._began = time.monotonic()
        self._until = self._began + seconds
        self._lock = Lock()
        self._accepted: list[tuple[float, object]] = []
        self._refused = self._errors = 0
        self._answer_seconds, self._placeholder = answer_seconds, placeholder
        self._last_refusal: dict[str, object] | None = None

    def run(self) -> dict[str, object]:
        """Send until the time is up; return a field of each accepted answer, and how many others there were."""
        threads = [Thread(target=self._send_all) for _ in range(self._clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {
            "accepted": [value for _, value in self._accepted],
            "refused": self._refused,
            "last_refusal": self._last_refusal,
            "errors": self._errors,
            "longest_gap_seconds": self._find_longest_gap(),
        }

    def _send_all(self) -> None:
        while time.monotonic() < self._until:
            if not self._send_one():
                time.sleep(_PAUSE_SECONDS)

    def _send_one(self) -> bool:
        """Send a request with a unique word and tell whether it was accepted.

        No request is sent twice: after a lost connection, nobody knows whether the server accepted it.
        """
        word = uuid4().hex
        path, body = (text.replace(self._placeholder, word) for text in (self._path, self._body))
        headers = {name: value.replace(self._placeholder, word) for name, value in self._headers.items()}
        connection = HTTPConnection(self._host, self._port, timeout=_CONNECT_SECONDS)
        try:
            connection.connect()
            connection.sock.settimeout(self._answer_seconds)
            connection.request(self._method, path, body.encode(errors="surrogateescape"), headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, HTTPException):
            with self._lock:
                self._errors += 1
            return False
        finally:
            connection.close()
        accepted = answer.status // 100 == 2  # noqa: PLR2004 - any success
        with self._lock:
            if accepted:
                self._accept(find_field(content, self._field))
            else:
                self._refused += 1
                location = answer.getheader("Location", "")
                self._last_refusal = {"status": answer.status, "location": location}
        return accepted

    def _accept(self, value: object) -> None:
        if not self._accepted:
            print("begun", flush=True)  # noqa: T201 - our side waits for it
        self._accepted.append((time.monotonic(), value))

    def _find_longest_gap(self) -> float:
        """Return the longest time in seconds without an accepted answer, from the first attempt to the last."""
        moments = [self._began, *(moment for moment, _ in self._accepted), max(time.monotonic(), self._until)]
        return max(later - earlier for earlier, later in zip(moments, moments[1:]))  # noqa: B905, RUF007 - Python 3.9


def find_field(body: bytes, path: str) -> object:
    """Return the value at a dotted path in a JSON answer; None if there is none."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    for name in path.split("."):
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (LookupError, TypeError, ValueError):
            return None
    return value


if __name__ == "__main__":
    print(json.dumps(Load(**json.loads("".join(sys.argv[1:]))).run()))  # noqa: T201 - the output is the point
