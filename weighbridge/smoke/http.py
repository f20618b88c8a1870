"""A small HTTP client for the API under test; the standard library alone, and never through a proxy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any

from weighbridge.smoke.failures import CheckFailed

_TIMEOUT_SECONDS = 10
_QUOTED_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered."""

    request: str
    """Method and path, for messages."""
    status: int
    body: bytes

    def json(self) -> Any:
        """Return the parsed body; `CheckFailed` where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise CheckFailed(f"{self.request} answered no JSON: {self._quote()}") from None

    def field(self, name: str) -> Any:
        """Return one field of the JSON object in the body; `CheckFailed` where there is none."""
        value = self.json()
        if not isinstance(value, dict) or name not in value:
            raise CheckFailed(f"{self.request} answered without {name!r}: {self._quote()}")
        return value[name]

    def expect(self, *statuses: int) -> Answer:
        """Return itself; `CheckFailed` where the status is none of these."""
        if self.status not in statuses:
            wanted = " or ".join(map(str, statuses))
            raise CheckFailed(f"{self.request} answered {self.status}, not {wanted}: {self._quote()}")
        return self

    def _quote(self) -> str:
        text = " ".join(self.body.decode(errors="replace").split())
        return text[:_QUOTED_CHARACTERS] or "(nothing)"


@dataclass(frozen=True, slots=True)
class Client:
    """Asks one server, each time on a new connection."""

    host: str
    port: int

    def get(self, path: str) -> Answer:
        """Return the answer to a GET, whatever its status; `CheckFailed` where none comes."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: str) -> Answer:
        """Return the answer to a POST of JSON text, whatever its status; `CheckFailed` where none comes."""
        return self._ask("POST", path, body.encode())

    def _ask(self, method: str, path: str, body: bytes | None) -> Answer:
        request = f"{method} {path}"
        connection = HTTPConnection(self.host, self.port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body, {} if body is None else {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return Answer(request, answer.status, answer.read())
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise CheckFailed(f"{request} on {self.host}:{self.port} got no answer: {reason}") from error
        finally:
            connection.close()
