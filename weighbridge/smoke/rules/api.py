"""Rules on what the API answers to another container: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import inside
from weighbridge.smoke.stack.containers import API, Stack
from weighbridge.smoke.stack.http import Client
from weighbridge.smoke.stack.observations import Arrived, Described, Listener, Reply

_CORRECT = "correct roles.api.port or roles.api.live"
_OK = 200
_SERVER_ERROR = 500
_SHOWN = 3
_OPENAPI_SECONDS = 60.0


def live(stack: Stack, arrived: Arrived) -> str:
    """The API answers another container; the time until then counts from the start of the API's container."""
    api = stack.settings.roles.api
    if arrived.live_at is None:
        raise CheckFailed(
            _explain_out_of_reach(stack) or f"GET {api.live} {_describe_reply(stack, arrived.live)}; {_CORRECT}"
        )
    seconds = stack.observed.api_live_seconds = _measure_since_start(stack, arrived.live_at)
    return f"GET {api.live} answered 200 {seconds:.2f} s after its start"


def ready(stack: Stack, arrived: Arrived) -> str:
    """The API says that it reaches its services; the time until then counts as in `live`."""
    api = stack.settings.roles.api
    if arrived.ready_at is None:
        raise CheckFailed(f"GET {api.ready} {_describe_reply(stack, arrived.ready)}")
    seconds = stack.observed.api_ready_seconds = _measure_since_start(stack, arrived.ready_at)
    return f"GET {api.ready} answered 200 {seconds:.2f} s after its start"


def watch_arrival(stack: Stack) -> Arrived:
    """Ask the API until it is live and ready, or the time is up; return when it became so."""
    api, client, limit = stack.settings.roles.api, Client(stack), stack.settings.smoke.timeout_seconds
    wanted = {
        **client.get_address(),
        "live": api.live,
        "ready": api.ready,
        "seconds": limit,
        "headers": client.build_headers(),
    }
    found = inside.ask(stack, "arrival.py", wanted, seconds=limit + 10)
    return Arrived(
        live_at=found["live_at"],
        ready_at=found["ready_at"],
        live=_read_reply(found["live"]),
        ready=_read_reply(found["ready"] or {}),
    )


def serves_openapi(stack: Stack, path: str) -> str:
    """The API serves an OpenAPI document that has paths."""
    found = _get_description(stack, path)
    if not found.paths:
        raise CheckFailed(f"GET {path} describes no path")
    return f"OpenAPI {found.version}, {found.paths} paths"


def answers_every_get(stack: Stack, path: str) -> str:
    """Every GET that the OpenAPI document describes gets an answer that is no server error."""
    gets = _get_description(stack, path).gets
    bad = [(url, reply) for url, reply in gets if reply.status is None or reply.status >= _SERVER_ERROR]
    if bad:
        failures = ", ".join(
            f"GET {url} {reply.error if reply.status is None else _describe_reply(stack, reply)}"
            for url, reply in bad[:_SHOWN]
        )
        more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        cure = "the API's log says why" if any(reply.status for _, reply in bad) else "let it answer in time"
        raise CheckFailed(f"{failures}{more}; {cure}")
    return f"{len(gets)} GETs below {_SERVER_ERROR}"


def _get_description(stack: Stack, path: str) -> Described:
    """Return the API's OpenAPI document and its answers to the GETs in there; they are asked for only once."""
    if stack.observed.described is None:
        stack.observed.described = _ask_for_description(stack, path)
    return stack.observed.described


def _ask_for_description(stack: Stack, path: str) -> Described:
    client = Client(stack)
    wanted = {**client.get_address(), "path": path, "headers": client.build_headers(), "seconds": _OPENAPI_SECONDS}
    found = inside.ask(stack, "openapi.py", wanted, seconds=_OPENAPI_SECONDS + 10)
    if "error" in found:
        raise CheckFailed(f"{found['error']}; serve it, correct roles.api.openapi, or set it to null if there is none")
    gets = tuple((each["url"], _read_reply(each)) for each in found["gets"])
    return Described(version=found["openapi"], paths=found["paths"], gets=gets)


def _read_reply(answer: Mapping[str, Any]) -> Reply:
    """Return an answer as a script printed it."""
    return Reply(status=answer.get("status"), body=answer.get("body", ""), error=answer.get("error", ""))


def _measure_since_start(stack: Stack, at: float) -> float:
    """Return how many seconds after the start of the API's container a moment is."""
    return max(0.0, at - stack.read_state(API).started_at)


def _explain_out_of_reach(stack: Stack) -> str:
    """Return why no other container reaches the API, judged by where it listens; empty if that does not explain it."""
    port = stack.settings.roles.api.port
    by_port: dict[int, list[str]] = {}
    for each in _list_listeners(stack):
        if each.protocol == "tcp":
            by_port.setdefault(each.port, []).append(each.address)
    addresses = by_port.pop(port, [])
    if any(map(_is_loopback, addresses)):
        return "no other container reaches the API: it binds to 127.0.0.1; use --host 0.0.0.0"
    if addresses and all(":" in address for address in addresses):
        return f"no other container reaches the API by IPv4: it binds to {addresses[0]} alone; use --host 0.0.0.0"
    if by_port and not addresses:
        return f"nothing listens on {port}, but on {', '.join(map(str, sorted(by_port)))}; {_CORRECT}"
    return ""


def _list_listeners(stack: Stack) -> tuple[Listener, ...]:
    try:
        return inside.probe(stack, API).listening
    except CheckFailed:
        return ()


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def _describe_reply(stack: Stack, reply: Reply) -> str:
    if reply.status is None:
        return f"got no answer: {reply.error or 'nothing came'}"
    body = " ".join(stack.mask(reply.body).split())[:200]
    return f"answered {reply.status}{': ' if body else ''}{body}"
