"""Requests to the API under test, sent from inside its own container: no port is published, wherever the engine is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from weighbridge.smoke import inside
from weighbridge.smoke.containers import Stack
from weighbridge.smoke.failures import CheckFailed

_HOST = "api"
"""The name by which other containers find it: on loopback alone it would be of no use to them."""
_QUOTED_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered."""

    request: str
    """Method and path, for messages."""
    status: int
    body: str

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
        return " ".join(self.body.split())[:_QUOTED_CHARACTERS] or "(nothing)"


@dataclass(frozen=True, slots=True)
class Client:
    """Asks a stack's API, with the token where the settings give it one."""

    stack: Stack

    def get(self, path: str) -> Answer:
        """Return the answer to a GET, whatever its status; `CheckFailed` where none comes."""
        return self._ask("GET", path, {}, None)

    def post(self, path: str, body: str) -> Answer:
        """Return the answer to a POST of JSON text, whatever its status; `CheckFailed` where none comes."""
        return self._ask("POST", path, {"Content-Type": "application/json"}, body)

    def _ask(self, method: str, path: str, headers: dict[str, str], body: str | None) -> Answer:
        api, request = self.stack.settings.roles.api, f"{method} {path}"
        token = api.environment.get("API_TOKEN")
        if token:
            headers |= {"Authorization": f"Bearer {token}"}
        wanted = {"method": method, "path": path, "headers": headers, "body": body}
        facts = inside.script(self.stack, "api", "request.py", json.dumps({"host": _HOST, "port": api.port, **wanted}))
        if "status" in facts:
            return Answer(request, facts["status"], facts["body"])
        if facts["on_loopback"]:
            raise CheckFailed("no other container reaches the API: it binds to 127.0.0.1; use --host 0.0.0.0")
        raise CheckFailed(f"{request} on {_HOST}:{api.port} got no answer: {facts['error']}")
