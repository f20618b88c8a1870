"""Replaces the secrets that the settings give to containers, in whatever is shown or kept of their output."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from weighbridge import secret_detection
from weighbridge.settings.containers import FileText
from weighbridge.settings.project import Settings

_HIDDEN = "***"
_SHORTEST = 4
"""Characters that a value must have to be hidden: a shorter one occurs in many words, and protects nothing."""
_WHOLE_WORD_BELOW = 8
"""A value with fewer characters, such as `redis`, is hidden only if it stands as a word of its own."""
_COOKIE = "cookie"
_CREDENTIALS = frozenset({"authorization", "proxy-authorization", _COOKIE})


def collect_secrets(settings: Settings, environment: Mapping[str, str]) -> frozenset[str]:
    """Return the secrets that containers and requests are given, found by names of variables and headers, and in URLs.

    Args:
        settings: The settings, with environment and headers.
        environment: The variables that the stack adds to those of the settings.
    """
    containers = (*settings.roles.values(), *settings.smoke.before.values(), *settings.services.values())
    given = (settings.smoke.environment, environment, *(each.environment for each in containers))
    pairs = [pair for each in given for pair in each.items()]
    found = {value for name, value in pairs if secret_detection.is_secret(name, value)}
    found |= {password for _, value in pairs for password in secret_detection.extract_url_passwords(value)}
    headers = [pair for name in settings.api_names for pair in settings.get_api(name).headers.items()]
    found |= {secret for name, value in headers for secret in _find_in_header(name, value)}
    found |= {each.content for one in containers for each in one.mounts.values() if isinstance(each, FileText)}
    return frozenset(found)


def collect_exchanged_secrets(headers: Mapping[str, str], fields: Any) -> frozenset[str]:
    """Return the secrets in a request or an answer: in headers and cookies, and in fields whose names say so.

    Args:
        headers: The headers of the request.
        fields: What is sent, as JSON or as the fields of a form.
    """
    found = {secret for name, value in headers.items() for secret in _find_in_header(name, value)}
    return frozenset(found | {*_find_in_fields("", fields)})


def collect_kept_secrets(name: str, field: str, value: Any) -> frozenset[str]:
    """Return what is secret in a value kept of an answer, by the name it is kept by and that of its field."""
    return frozenset({*_find_in_fields(field.rpartition(".")[2], value), *_find_in_fields(name, value)})


def mask(text: str, secrets: frozenset[str]) -> str:
    """Return a text with `***` in place of these secrets and of all that look like secrets or stand in a URL."""
    known = {form for secret in secrets for form in _list_forms(secret.strip()) if len(form) >= _SHORTEST}
    if known:
        longest_first = sorted(known, key=lambda each: (-len(each), each))
        text = re.sub("|".join(map(_build_pattern, longest_first)), _HIDDEN, text)
    return secret_detection.mask(text)


def _find_in_header(name: str, value: str) -> Iterator[str]:
    if name.lower() in _CREDENTIALS:
        yield value
        yield value.partition(" ")[2]  # without the scheme, such as `Bearer`
        if name.lower() == _COOKIE:
            yield from (pair.partition("=")[2].strip() for pair in value.split(";"))
    elif secret_detection.is_secret(name, value):
        yield value


def _find_in_fields(name: str, value: Any) -> Iterator[str]:
    """Yield the texts in JSON that belong to a name of a secret, which each inner value has from its own key."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _find_in_fields(str(key), each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _find_in_fields(name, each)
    elif isinstance(value, str) and secret_detection.is_name_of_secret(name):
        yield value


def _list_forms(secret: str) -> tuple[str, ...]:
    """Return the forms of a secret in a text: as it is, quoted for a URL or in a form, unquoted, in Python, in JSON."""
    as_json = (json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    return secret, quote(secret, safe=""), quote_plus(secret), unquote(secret), repr(secret)[1:-1], *as_json


def _build_pattern(secret: str) -> str:
    exact = re.escape(secret)
    return exact if len(secret) >= _WHOLE_WORD_BELOW else rf"(?<!\w){exact}(?!\w)"
