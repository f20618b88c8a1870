"""Parses the `WWW-Authenticate` header, in which a registry says how to log in.

Grammar: RFC 9110, 11.6.1. Meaning: the Distribution project's token authentication specification.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a token of the grammar, not a secret
_PART = re.compile(rf'[\s,]*({_TOKEN})(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))|(?=[\s,]|$))')
_LONGEST = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One way to log in."""

    scheme: str
    """In lower case: `bearer`, `basic`, or another one, which we do not know."""
    parameters: Mapping[str, str]
    """The names are in lower case."""


def parse(header: str) -> tuple[Challenge, ...]:
    """Return the challenges in a header, up to its first syntax error."""
    found, at = list[tuple[str, dict[str, str]]](), 0
    header = header[:_LONGEST]
    while match := _PART.match(header, at):
        at = match.end()
        name, value = match[1].lower(), match[3] if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
        if value is None:
            found.append((name, {}))
        elif found:
            found[-1][1].setdefault(name, value)
    return tuple(Challenge(scheme=scheme, parameters=parameters) for scheme, parameters in found)


def choose_challenge(header: str) -> Challenge | None:
    """Return the challenge to answer, a token rather than a password; None if the header offers neither."""
    ways = {each.scheme: each for each in reversed(parse(header))}
    return ways.get("bearer") or ways.get("basic")
