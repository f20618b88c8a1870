"""Sends requests to the API under test from the client's container, so that no port has to be published."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weighbridge.settings.methods import Method
from weighbridge.settings.roles import ApiRole
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import advice, inside
from weighbridge.smoke.stack.bodies import JSON, Body, encode_json
from weighbridge.smoke.stack.containers import Stack

_QUOTED_CHARACTERS = 200
_LEAST_SECONDS = 10.0
"""How long an answer may take, or as long as a job may."""
_TYPE = "Content-Type"
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
    role: str = "api"
    """The role that answered."""
    given_in: str = "roles.api.headers"
    """The setting that has, or lacks, the token with which it was asked."""
    answered: Sequence[tuple[str, str]] = ()
    """Name and value of each header of the answer, in their order; empty if they were not asked for."""

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

    def list_header(self, name: str) -> list[str]:
        """Return the values of all headers of the answer that have this name."""
        return [value for each, value in self.answered if each.lower() == name.lower()]

    def get_header(self, name: str) -> str:
        """Return the first header of the answer with this name; raise `CheckFailed` if there is none."""
        for value in self.list_header(name):
            return value
        names = ", ".join(dict.fromkeys(each for each, _ in self.answered)) or "none"
        raise CheckFailed(f"{self.request} answered without a header {name}; its headers: {names}")

    def get_cookie(self, name: str) -> str:
        """Return the value of a cookie that the answer sets; raise `CheckFailed` if it does not set it."""
        pairs = [value.partition(";")[0].partition("=") for value in self.list_header("Set-Cookie")]
        for key, _, value in pairs:
            if key.strip() == name:
                return value.strip()
        names = ", ".join(key.strip() for key, _, _ in pairs) or "none"
        raise CheckFailed(f"{self.request} did not set a cookie {name}; its cookies: {names}")

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
        location = self.masked(self.location)
        return advice.find_remedy(self.status, path, location, "", self.headers, role=self.role, given_in=self.given_in)

    @property
    def is_hopeless(self) -> bool:
        """Whether the same request will always get such an answer: a setting has to change first."""
        return advice.is_hopeless(self.status)

    def quote(self) -> str:
        """Return the beginning of the body on one line, without secrets."""
        return " ".join(self.masked(self.body).split())[:_QUOTED_CHARACTERS] or "(nothing)"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it is sent: without placeholders."""

    method: Method
    path: str
    body: Body | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Its own headers, which replace those of the settings."""


@dataclass(frozen=True, slots=True)
class Client:
    """Sends requests to an API of a stack, with the headers of the settings."""

    stack: Stack
    role: str
    """The role that answers."""
    host: str = ""
    """The container's name in the stack; empty: that of the role."""

    @property
    def api(self) -> ApiRole:
        """The settings of the role."""
        return self.stack.settings.get_api(self.role)

    def get(self, path: str) -> Answer:
        """Return the answer to a GET, whatever its status; raise `CheckFailed` if none comes."""
        return self.send(Sent("GET", path))

    def post(self, path: str, body: Any) -> Answer:
        """Return the answer to a POST of JSON, whatever its status; raise `CheckFailed` if none comes."""
        return self.send(Sent("POST", path, encode_json(body)))

    def send(self, request: Sent) -> Answer:
        """Return the answer to a request, whatever its status; raise `CheckFailed` if none comes."""
        return self._send_each([request])[0]

    def send_all(self, method: Method, paths: Iterable[str]) -> list[Answer]:
        """Send requests without a body one after the other; return the answers, or raise `CheckFailed` without one."""
        return self._send_each([Sent(method, path) for path in paths])

    def _send_each(self, requests: Sequence[Sent]) -> list[Answer]:
        """Send requests one after the other and return the answers; raise `CheckFailed` if one gets no answer."""
        limit = max(_LEAST_SECONDS, self.stack.settings.smoke.timeout_seconds)
        parts = [{**self.build_parts(each), "with_headers": True} for each in requests]
        wanted = {**self.get_address(), "requests": parts, "timeout_seconds": limit}
        answers = inside.ask(self.stack, "request.py", wanted, seconds=limit * (len(requests) + 2))
        return [self.read_answer(sent, answer) for sent, answer in zip(requests, answers, strict=True)]

    def get_address(self) -> dict[str, Any]:
        """Return host and port as arguments of our scripts."""
        return {"host": self.host or self.role, "port": self.api.port}

    def build_parts(self, request: Sent) -> dict[str, Any]:
        """Return method, path, headers and body of a request as arguments of our scripts."""
        body = request.body
        return {
            "method": request.method,
            "path": request.path,
            "headers": self.build_headers(body.text if body else None, body.type if body else JSON, request.headers),
            "body": body.text if body else None,
        }

    def build_headers(
        self, body: str | None = None, media_type: str = JSON, own: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        """Return the headers of a request with this body: each name once, its own before those of the settings.

        These may say that JSON has another type, but not that a form has one, because that names its boundary. The
        length of the body is for the script that sends it to say.
        """
        found = {} if body is None else {_TYPE.lower(): (_TYPE, media_type)}
        for headers in (self.api.headers, own or {}):
            given = {name.lower(): (name, value) for name, value in headers.items()}
            if media_type != JSON:
                given.pop(_TYPE.lower(), None)
            found |= given
        return {name: value for key, (name, value) in found.items() if key not in _SENT_BY_SCRIPTS}

    def read_answer(self, sent: Sent, answer: Mapping[str, Any]) -> Answer:
        """Return the answer to a request as one of our scripts has printed it; raise `CheckFailed` if none came."""
        request = f"{sent.method} {sent.path}"
        if "status" not in answer:
            raise CheckFailed(f"{request} on {self.host or self.role} got no answer: {answer['error']}")
        names = {name.lower() for name in sent.headers}
        return Answer(
            request,
            answer["status"],
            answer["body"],
            masked=self.stack.mask,
            location=answer.get("location", ""),
            headers={**self.api.headers, **sent.headers},
            role=self.role,
            given_in="the step's headers" if names & advice.NAMES_ITS_USER else f"roles.{self.role}.headers",
            answered=tuple((name, value) for name, value in answer.get("headers", ())),
        )
