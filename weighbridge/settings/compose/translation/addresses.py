"""Finds where a role listens and which path it answers, by its command, its ports and its health check."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from weighbridge.settings.compose.project import ComposeService
from weighbridge.settings.compose.translation.programs import Call, classify
from weighbridge.settings.compose.translation.starts import Start

DEFAULT_PORT = 8000
"""Where uvicorn, gunicorn, hypercorn, granian and `fastapi run` listen if nobody says otherwise."""
_URL = re.compile(r"https?://(?:\[[0-9a-f:]+\]|[^\s/:\"'$]+)(?::(?P<port>\d{1,5}))?(?P<path>/[!-~]*)?(?=$|[^!-~])")
_END = re.compile(r"[\"'`|;<>(){}\\$]|&&|\|\|")
"""What ends a URL in a line of a shell or of Python."""
_PORT_OPTIONS = {"--port", "-p"}
_BIND_OPTIONS = {"--bind", "-b"}
_DIGITS = re.compile(r"(?:.*:)?(\d{1,5})")
_VARIABLE = re.compile(r"\$(?:(?P<plain>\w+)|\{(?P<name>\w+)(?::?-(?P<default>[^}]*))?\})")
_LAST_PORT = 65_535


def find_port(service: ComposeService, start: Start, health: Sequence[str]) -> int | None:
    """Return the port where an API answers; None: nothing says it.

    Args:
        service: The service.
        start: How its container starts.
        health: The words of its health check.
    """
    named = (_read_port(call, service.environment) for call in start.all_calls if classify([call]) == ("api",))
    first = next((port for port in named if port), None)
    ports = (*service.ports, *service.expose)
    if first is None and is_named(start) and DEFAULT_PORT in ports:
        return DEFAULT_PORT  # another one may be a debugger's
    return first or next(iter(ports), None) or _read_url(health)[0]


def find_path(health: Sequence[str]) -> str | None:
    """Return the path of the URL that a health check asks, with its query; None: it asks none."""
    return _read_url(health)[1]


def is_named(start: Start) -> bool:
    """Tell whether the command or its scripts start a server that we know, whose own port is known, too."""
    return "api" in classify(start.all_calls)


def _read_port(call: Call, environment: Mapping[str, str]) -> int | None:
    known = _PORT_OPTIONS if call.program != "gunicorn" else {"--port"}  # its -p is a file
    for option, value in _pair(call.arguments):
        if option in known | _BIND_OPTIONS and (port := _parse_port(_fill(value, environment))):
            return port
    variable = environment.get("UVICORN_PORT", "") if call.program == "uvicorn" else ""
    return _parse_port(variable)


def _pair(arguments: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Yield options with their values, in the forms `--port 1`, `--port=1` and `-b:1`."""
    for word, after in zip(arguments, [*arguments[1:], ""], strict=True):
        option, equals, value = word.partition("=")
        if equals:
            yield option, value
        elif re.match(r"-b\S", word):
            yield "-b", word[2:]
        else:
            yield word, after


def _fill(value: str, environment: Mapping[str, str]) -> str:
    """Return a word of a shell's line with the values of its variables."""

    def look_up(found: re.Match[str]) -> str:
        return environment.get(found["plain"] or found["name"]) or found["default"] or ""

    return _VARIABLE.sub(look_up, value)


def _parse_port(text: str) -> int | None:
    found = _DIGITS.fullmatch(text)
    return int(found[1]) if found and 0 < int(found[1]) <= _LAST_PORT else None


def _read_url(health: Sequence[str]) -> tuple[int | None, str | None]:
    for word in health:
        for begin in re.finditer("https?://", word):
            rest = word[begin.start() :]
            end = _END.search(rest)
            if found := _URL.match(rest[: end.start()] if end else rest):
                return _parse_port(found["port"] or ""), found["path"] or "/"
    return None, None
