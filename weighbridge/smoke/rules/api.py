"""Rules on what the API answers to a container beside it: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import inside
from weighbridge.smoke.stack.containers import API, Stack
from weighbridge.smoke.stack.http import Client

_CORRECT = "correct roles.api.port or roles.api.live"
_OK = 200
_SERVER_ERROR = 500
_SHOWN = 3
_OPENAPI_SECONDS = 60.0


def live(stack: Stack, arrival: Mapping[str, Any]) -> str:
    """The API answered from another container, in a time that is counted from its container's start.

    Args:
        stack: Where it runs.
        arrival: What `scripts/arrival.py` saw.
    """
    api = stack.settings.roles.api
    if arrival["live_at"] is None:
        raise CheckFailed(_out_of_reach(stack) or f"GET {api.live} {_told(stack, arrival['live'])}; {_CORRECT}")
    return f"GET {api.live} answered 200 {_since_start(stack, 'api_live_seconds', arrival['live_at'])}"


def ready(stack: Stack, arrival: Mapping[str, Any]) -> str:
    """The API says that it reaches its services; `arrival` as in `live`."""
    api = stack.settings.roles.api
    if arrival["ready_at"] is None:
        raise CheckFailed(f"GET {api.ready} {_told(stack, arrival['ready'])}")
    return f"GET {api.ready} answered 200 {_since_start(stack, 'api_ready_seconds', arrival['ready_at'])}"


def arrive(stack: Stack) -> dict[str, Any]:
    """Ask the API until it is live and ready, or the time is up; return what `scripts/arrival.py` saw."""
    api, client, limit = stack.settings.roles.api, Client(stack), stack.settings.smoke.timeout_seconds
    wanted = {**client.address(), "live": api.live, "ready": api.ready, "seconds": limit, "headers": client.headers()}
    found: dict[str, Any] = inside.ask(stack, "arrival.py", wanted, seconds=limit + 10)
    return found


def serves_openapi(stack: Stack, path: str) -> str:
    """The API describes itself."""
    found = _described(stack, path)
    if "error" in found:
        raise CheckFailed(f"{found['error']}; serve it, correct roles.api.openapi, or say null there for none")
    if not found["paths"]:
        raise CheckFailed(f"GET {path} describes no path")
    return f"OpenAPI {found['openapi']}, {found['paths']} paths"


def answers_every_get(stack: Stack, path: str) -> str:
    """Whatever the description lets one GET answers, and not with an error of the server's."""
    gets = _described(stack, path)["gets"]
    bad = [each for each in gets if each.get("status", _SERVER_ERROR) >= _SERVER_ERROR]
    if bad:
        told = ", ".join(f"GET {each['url']} {each.get('error') or _told(stack, each)}" for each in bad[:_SHOWN])
        more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        cure = "the API's log says why" if any("status" in each for each in bad) else "let it answer in time"
        raise CheckFailed(f"{told}{more}; {cure}")
    return f"{len(gets)} GETs below {_SERVER_ERROR}"


def _described(stack: Stack, path: str) -> Mapping[str, Any]:
    """Return what the API says of itself and what its GETs answered, asked once."""
    if not stack.described:
        client = Client(stack)
        wanted = {**client.address(), "path": path, "headers": client.headers(), "seconds": _OPENAPI_SECONDS}
        stack.described.update(inside.ask(stack, "openapi.py", wanted, seconds=_OPENAPI_SECONDS + 10))
    return stack.described


def _since_start(stack: Stack, figure: str, at: float) -> str:
    """Note how long after its container's start the API did something, and return it in words."""
    seconds = max(0.0, at - stack.state(API).started_at)
    stack.notes[figure] = seconds
    return f"{seconds:.2f} s after its start"


def _out_of_reach(stack: Stack) -> str:
    """Return why nobody reaches the API, by where it listens; empty where that does not tell."""
    port = stack.settings.roles.api.port
    by_port: dict[int, list[str]] = {}
    for each in _listening(stack):
        if each["protocol"] == "tcp":
            by_port.setdefault(each["port"], []).append(each["address"])
    addresses = by_port.pop(port, [])
    if any(map(_is_loopback, addresses)):
        return "no other container reaches the API: it binds to 127.0.0.1; use --host 0.0.0.0"
    if addresses and all(":" in address for address in addresses):
        return f"no other container reaches the API by IPv4: it binds to {addresses[0]} alone; use --host 0.0.0.0"
    if by_port and not addresses:
        return f"nothing listens on {port}, but on {', '.join(map(str, sorted(by_port)))}; {_CORRECT}"
    return ""


def _listening(stack: Stack) -> tuple[Mapping[str, Any], ...]:
    try:
        return inside.probe(stack, API).listening
    except CheckFailed:
        return ()


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def _told(stack: Stack, answer: Mapping[str, Any]) -> str:
    if "status" in answer:
        body = " ".join(stack.masked(str(answer.get("body") or "")).split())[:200]
        return f"answered {answer['status']}{': ' if body else ''}{body}"
    return f"got no answer: {answer.get('error', 'nothing came')}"
