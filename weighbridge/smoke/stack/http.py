"""Sends requests to the API under test from the client's container, so that no port has to be published."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from weighbridge.settings.smoke import Method
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import advice, inside
from weighbridge.smoke.stack.containers import API, Stack

_QUOTED_CHARACTERS = 200
_LEAST_SECONDS = 10.0
"""How long an answer may take, or as long as a job may."""
_SENT_BY_SCRIPTS = frozenset({"content-length", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API."""

    request: str
    """Method and path, for messages."""
    status: int
    body: str
    masked: Callable[[str], str] = str
    """Returns a text without secrets; applied to what is quoted of the body."""
    location: str = ""
    """Where a redirect leads to."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers of the settings, with which it was asked."""

    def parse_json(self) -> Any:
        """Return the parsed body; raise `CheckFailed` if it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise CheckFailed(f"{self.request} did not answer with JSON: {self.quote()}") from None

    def get_field(self, path: str) -> Any:
        """Return a field of the JSON body by its path, such as `items.0.id`; raise `CheckFailed` if there is none."""
        value = self.parse_json()
        for part in path.split("."):
            try:
                value = value[int(part)] if isinstance(value, list) else value[part]
            except (LookupError, TypeError, ValueError):
                raise CheckFailed(f"{self.request} answered without {path!r}: {self.quote()}") from None
        return value

    def expect(self, *statuses: int) -> Answer:
        """Return this answer; raise `CheckFailed` if its status is none of these."""
        if self.status not in statuses:
            raise self.build_failure(f"not {' or '.join(map(str, statuses))}")
        return self

    def build_failure(self, wanted: str) -> CheckFailed:
        """Return an exception that says what was answered, what was wanted, and which setting that may come from."""
        seen = advice.describe_status(self.status, self.masked(self.location))
        remedy = self.find_remedy()
        return CheckFailed(f"{self.request} answered {seen}, {wanted}: {self.quote()}{'; ' * bool(remedy)}{remedy}")

    def find_remedy(self) -> str:
        """Return which setting to change, judged by the status; empty if the status does not tell."""
        path = self.request.partition(" ")[2]
        return advice.find_remedy(self.status, path, self.masked(self.location), "", self.headers)

    @property
    def is_hopeless(self) -> bool:
        """Whether the same request will always get such an answer: a setting has to change first."""
        return advice.is_hopeless(self.status)

    def quote(self) -> str:
        """Return the beginning of the body on one line, without secrets."""
        return " ".join(self.masked(self.body).split())[:_QUOTED_CHARACTERS] or "(nothing)"


@dataclass(frozen=True, slots=True)
class Client:
    """Sends requests to an API of a stack, with the headers of the settings."""

    stack: Stack
    host: str = API
    """The container's name in the stack."""

    def get(self, path: str) -> Answer:
        """Return the answer to a GET, whatever its status; raise `CheckFailed` if none comes."""
        return self.send_all("GET", [path])[0]

    def post(self, path: str, body: Any) -> Answer:
        """Return the answer to a POST of JSON, whatever its status; raise `CheckFailed` if none comes."""
        return self.send_all("POST", [path], json.dumps(body))[0]

    def send_all(self, method: Method, paths: Iterable[str], body: str | None = None) -> list[Answer]:
        """Send requests one after the other and return the answers; raise `CheckFailed` if one gets no answer."""
        requests = [
            {"method": method, "path": path, "headers": self.build_headers(body), "body": body} for path in paths
        ]
        limit = max(_LEAST_SECONDS, self.stack.settings.smoke.timeout_seconds)
        wanted = {**self.get_address(), "requests": requests, "timeout_seconds": limit}
        answers = inside.ask(self.stack, "request.py", wanted, seconds=limit * (len(requests) + 2))
        return [self._read_answer(sent, answer) for sent, answer in zip(requests, answers, strict=True)]

    def get_address(self) -> dict[str, Any]:
        """Return host and port as arguments of our scripts."""
        return {"host": self.host, "port": self.stack.settings.roles.api.port}

    def build_headers(self, body: str | None = None) -> dict[str, str]:
        """Return the headers of a request with this body: each name once, and those of the settings first.

        The length of the body is for the script that sends it to say.
        """
        found = {} if body is None else {"content-type": ("Content-Type", "application/json")}
        found |= {name.lower(): (name, value) for name, value in self.stack.settings.roles.api.headers.items()}
        return {name: value for key, (name, value) in found.items() if key not in _SENT_BY_SCRIPTS}

    def _read_answer(self, sent: Mapping[str, Any], answer: Mapping[str, Any]) -> Answer:
        request = f"{sent['method']} {sent['path']}"
        if "status" not in answer:
            raise CheckFailed(f"{request} on {self.host} got no answer: {answer['error']}")
        headers = self.stack.settings.roles.api.headers
        location = answer.get("location", "")
        return Answer(request, answer["status"], answer["body"], self.stack.mask, location, headers)
