"""Decides whether a request may read or write, by its bearer token."""

from __future__ import annotations

from fastapi import HTTPException, Request

from backend.attempts import Attempts
from backend.settings import BLANKS
from backend.tokens import Scope, Tokens

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


class Access:
    """What the requests of one application may do."""

    def __init__(self, tokens: Tokens, *, reads_need_token: bool, metrics_need_token: bool = False) -> None:
        self.tokens = tokens
        self.metrics_need_token = metrics_need_token
        self._reads_need_token = reads_need_token
        self._attempts = Attempts()

    def needs_token(self, scope: Scope) -> bool:
        """Return whether a request of this kind needs a token."""
        return self._reads_need_token if scope == "read" else self.tokens.is_needed()

    def authorize(self, request: Request, scope: Scope) -> None:
        """Let a request pass.

        Raises:
            HTTPException: It needs a token and has none, or none of ours (401), or one that does not allow this (403).
                Its address has sent too many wrong ones (429); then even the right one is not looked at.
        """
        if self.needs_token(scope):
            self._check(request, scope)

    def authorize_metrics(self, request: Request) -> None:
        """Let a request for `/metrics` pass; raises as `authorize` does."""
        if self.metrics_need_token:
            self._check(request, "read")

    def _check(self, request: Request, scope: Scope) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if not scheme:
            raise HTTPException(401, f"This needs a bearer token of the service that may {scope}", _CHALLENGE)
        address = request.client.host if request.client else ""
        if wait := self._attempts.find_wait(address):
            raise HTTPException(429, f"Too many wrong tokens. Try again in {wait} seconds.", {"Retry-After": str(wait)})
        token = given.strip(BLANKS).encode("latin-1")
        scopes = self.tokens.find_scopes(token) if scheme.lower() == "bearer" else frozenset[Scope]()
        if not scopes:
            self._attempts.note_failure(address)
            raise HTTPException(401, "This is no bearer token of the service", _CHALLENGE)
        if scope not in scopes:
            challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
            raise HTTPException(403, f"This token may not {scope}", {"WWW-Authenticate": challenge})
