"""Secrets that the settings give to containers, taken out of what is told and kept of their output."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote

from weighbridge import secret_detection
from weighbridge.settings.project import Settings

_HIDDEN = "***"
_SHORTEST = 4
"""Characters of a value that is hidden: a shorter one is in every other word, and protects nothing."""
_WHOLE_WORD_BELOW = 8
"""A value of less characters, such as `redis`, is hidden only where it is a word of its own."""
_CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie"})


def given(settings: Settings, environment: Mapping[str, str]) -> frozenset[str]:
    """Return the secrets among what containers and requests are given: by the names of variables and headers, by URLs.

    Args:
        settings: Of environment and headers.
        environment: What the stack adds to them.
    """
    roles, smoke = settings.roles, settings.smoke
    pairs = [
        pair
        for each in (smoke.environment, roles.api.environment, roles.worker.environment, environment)
        for pair in each.items()
    ]
    found = {value for name, value in pairs if secret_detection.is_secret(name, value)}
    found |= {password for _, value in pairs for password in secret_detection.url_passwords(value)}
    found |= {secret for name, value in roles.api.headers.items() for secret in _of_header(name, value)}
    return frozenset(found)


def masked(text: str, secrets: frozenset[str]) -> str:
    """Return a text without these secrets, and without those that their shape, or a URL, gives away."""
    known = {form for secret in secrets for form in _written(secret.strip()) if len(form) >= _SHORTEST}
    if known:
        longest_first = sorted(known, key=lambda each: (-len(each), each))
        text = re.sub("|".join(map(_pattern, longest_first)), _HIDDEN, text)
    return secret_detection.masked(text)


def _of_header(name: str, value: str) -> Iterator[str]:
    if name.lower() in _CREDENTIALS:
        yield value
        yield value.partition(" ")[2]  # without the scheme, as `Bearer`
    elif secret_detection.is_secret(name, value):
        yield value


def _written(secret: str) -> tuple[str, ...]:
    """Return how a secret may stand in a text: as it is, in a URL, as a URL was read, in a Python string, in JSON."""
    as_json = (json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    return secret, quote(secret, safe=""), unquote(secret), repr(secret)[1:-1], *as_json


def _pattern(secret: str) -> str:
    exact = re.escape(secret)
    return exact if len(secret) >= _WHOLE_WORD_BELOW else rf"(?<!\w){exact}(?!\w)"
