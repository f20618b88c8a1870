"""Says of an answer of the API what it means for the settings: where it redirects to, whom it refuses, and why."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

_REDIRECTS = range(300, 400)
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
NAMES_ITS_USER = frozenset({"authorization", "cookie"})
"""Headers, in lower case, that say who asks."""


def is_hopeless(status: int) -> bool:
    """Tell whether the same request will always get such an answer: the settings have to change first."""
    return status in _REDIRECTS or status in _REFUSED or status == HTTPStatus.BAD_REQUEST


def describe_status(status: int, location: str = "") -> str:
    """Return the status of an answer, and where it redirects to."""
    return f"{status}, a redirect to {location or 'nowhere'}" if status in _REDIRECTS else str(status)


def find_remedy(
    status: int,
    path: str,
    location: str,
    setting: str,
    headers: Mapping[str, str],
    *,
    role: str = "api",
    given_in: str = "",
) -> str:
    """Return which setting to change after an answer; empty if its status does not tell.

    Args:
        status: The status of the answer.
        path: The path that was asked for.
        location: Where the answer redirects to; empty: nowhere.
        setting: The setting that has the path, such as `roles.api.live`; empty: none has.
        headers: The headers of the settings, which each request has.
        role: The role that answered.
        given_in: The setting that says who asks, or should; empty: the headers of the role.
    """
    given_in = given_in or f"roles.{role}.headers"
    given = {name.lower() for name in headers}
    if status in _REDIRECTS:
        return _find_redirect_remedy(path, location, setting, role)
    if status == HTTPStatus.BAD_REQUEST:
        host = "another Host" if "host" in given else "a Host"
        return f"if it does not accept the Host of the request, give {host} that it accepts in roles.{role}.headers"
    if status in _REFUSED:
        token = "a token that it accepts" if given & NAMES_ITS_USER else "a token, such as Authorization,"
        return f"give {token} in {given_in}"
    return ""


def _find_redirect_remedy(path: str, location: str, setting: str, role: str) -> str:
    try:
        target = urlsplit(urljoin(f"http://api{path}", location))
        wanted = target.path + (f"?{target.query}" if target.query else "")
    except ValueError:
        return "let it answer without a redirect"
    if target.scheme == "https":
        return (
            f"let it answer without TLS: set X-Forwarded-Proto to https in roles.{role}.headers if it trusts that, or "
            f"switch the redirect off in roles.{role}.environment"
        )
    if wanted == path:
        return "let it answer without a redirect"
    return f"set {setting or 'the path'} to {wanted}, or let it answer without a redirect"
