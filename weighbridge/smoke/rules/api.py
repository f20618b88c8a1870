"""Rules on what the API answers to another container: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import advice, inside
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.http import Client
from weighbridge.smoke.stack.observations import Arrived, Described, Listener, Reply

_SUCCESS = range(200, 300)
_NOT_FOUND = 404
_SERVER_ERROR = 500
_SHOWN = 3
_OPENAPI_SECONDS = 60.0
_ACCEPT_IT = "if that is right, accept `answers-every-get` in variants.V.accepts"


def live(stack: Stack, arrived: Arrived, role: str) -> str:
    """The API answers another container; the time until then counts from the start of the API's container."""
    api = stack.settings.get_api(role)
    if arrived.live_at is None:
        if arrived.live.status is None and (reason := _explain_out_of_reach(stack, role)):
            raise CheckFailed(reason)
        raise CheckFailed(_describe_failure(stack, role, api.live, arrived.live, f"roles.{role}.live"))
    seconds = stack.observed.live_seconds[role] = _measure_since_start(stack, role, arrived.live_at)
    stack.observed.served.add(role)
    return f"GET {api.live} answered 200 {seconds:.2f} s after its start"


def ready(stack: Stack, arrived: Arrived, role: str) -> str:
    """The API says that it reaches its services; the time until then counts as in `live`."""
    api = stack.settings.get_api(role)
    if arrived.ready_at is None:
        raise CheckFailed(_describe_failure(stack, role, api.ready, arrived.ready, f"roles.{role}.ready"))
    seconds = stack.observed.ready_seconds[role] = _measure_since_start(stack, role, arrived.ready_at)
    return f"GET {api.ready} answered 200 {seconds:.2f} s after its start"


def watch_arrival(stack: Stack, role: str) -> Arrived:
    """Ask the API until it is live and ready, or the time is up; return when it became so."""
    api, client, limit = stack.settings.get_api(role), Client(stack, role), stack.settings.smoke.timeout_seconds
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


def serves_openapi(stack: Stack, role: str, path: str) -> str:
    """The API serves an OpenAPI document that has paths."""
    found = _get_description(stack, role, path)
    if not found.paths:
        raise CheckFailed(f"GET {path} describes no path")
    return f"OpenAPI {found.version}, {found.paths} paths"


def answers_every_get(stack: Stack, role: str, path: str) -> str:
    """Every GET that the OpenAPI document describes gets an answer that is no server error, and one of them a 2xx.

    A GET that the API takes and does not answer in time is no failure, because a long poll does that.
    """
    gets = _get_description(stack, role, path).gets
    if not gets:
        raise CheckFailed(f"GET {path} describes no GET, so none was tried; {_ACCEPT_IT}")
    late = [url for url, reply in gets if reply.late]
    bad = [each for each in gets if _is_failure(each[1])]
    if bad:
        failures = ", ".join(f"GET {url} {_describe_reply(stack, reply)}" for url, reply in bad[:_SHOWN])
        raise CheckFailed(f"{failures}{_count_more(bad)}; {_explain_failures(stack, role, bad)}")
    if not any(reply.status in _SUCCESS for _, reply in gets if reply.status):
        raise CheckFailed(_describe_nothing_tried(stack, role, path, gets))
    seen = f"{len(gets) - len(late)} GETs below {_SERVER_ERROR}"
    if not late:
        return seen
    return f"{seen}; no answer in time, as of a long poll: {', '.join(late[:_SHOWN])}{_count_more(late)}"


def _is_failure(reply: Reply) -> bool:
    return not reply.late and (reply.status is None or reply.status >= _SERVER_ERROR)


def _explain_failures(stack: Stack, role: str, bad: Sequence[tuple[str, Reply]]) -> str:
    """Return why GETs failed, by the API's log, or what to do."""
    if any(reply.status for _, reply in bad):
        error = stack.find_error(role)
        return f"the API's log says: {error}" if error else "the API's log says why"
    return "let it answer each GET, and all within the time: sooner, or raise smoke.timeout_seconds"


def _describe_nothing_tried(stack: Stack, role: str, path: str, gets: Sequence[tuple[str, Reply]]) -> str:
    """Return why no GET was answered 2xx, so that the rule would hold for want of anything that was tried."""
    answered = [(url, reply) for url, reply in gets if reply.status is not None]
    if not answered:
        return f"none of {len(gets)} GETs was answered in time, so nothing was tried; {_ACCEPT_IT}"
    url, reply = answered[0]
    seen = f"none of {len(gets)} GETs was answered 2xx, so nothing was tried: GET {url} {_describe_reply(stack, reply)}"
    statuses = {reply.status for _, reply in answered}
    remedy = _find_remedy(stack, role, url, reply, "") if len(statuses) == 1 else ""
    if not remedy and statuses == {_NOT_FOUND}:
        remedy = f"correct the `servers` of {path}, or give its parameters an `example` of something that exists"
    return f"{seen}; {remedy or 'give its parameters an `example` of something that exists'}"


def _get_description(stack: Stack, role: str, path: str) -> Described:
    """Return the API's OpenAPI document and its answers to the GETs in there; they are asked for only once."""
    if role not in stack.observed.described:
        stack.observed.described[role] = _ask_for_description(stack, role, path)
    return stack.observed.described[role]


def _ask_for_description(stack: Stack, role: str, path: str) -> Described:
    client = Client(stack, role)
    limit = max(_OPENAPI_SECONDS, stack.settings.smoke.timeout_seconds)
    wanted = {**client.get_address(), "path": path, "headers": client.build_headers(), "seconds": limit}
    found = inside.ask(stack, "openapi.py", wanted, seconds=limit + 10)
    if "error" in found:
        reply = _read_reply(found)
        remedy = _find_remedy(stack, role, path, reply, f"roles.{role}.openapi")
        if remedy:
            raise CheckFailed(f"GET {path} {_describe_reply(stack, reply)}; {remedy}")
        raise CheckFailed(
            f"{found['error']}; serve it, correct roles.{role}.openapi, or set it to null if there is none"
        )
    gets = tuple((each["url"], _read_reply(each)) for each in found["gets"])
    return Described(version=found["openapi"], paths=found["paths"], gets=gets)


def _read_reply(answer: Mapping[str, Any]) -> Reply:
    """Return an answer as a script printed it."""
    return Reply(
        status=answer.get("status"),
        location=answer.get("location", ""),
        body=answer.get("body", ""),
        error=answer.get("error", ""),
        late=answer.get("late", False),
    )


def _measure_since_start(stack: Stack, role: str, at: float) -> float:
    """Return how many seconds after the start of the API's container a moment is."""
    return max(0.0, at - stack.read_state(role).started_at)


def _explain_out_of_reach(stack: Stack, role: str) -> str:
    """Return why no other container reaches the API, judged by where it listens; empty if that does not explain it."""
    port = stack.settings.get_api(role).port
    by_port: dict[int, list[str]] = {}
    for each in _list_listeners(stack, role):
        if each.protocol == "tcp":
            by_port.setdefault(each.port, []).append(each.address)
    addresses = by_port.pop(port, [])
    if any(map(_is_loopback, addresses)):
        return "no other container reaches the API: it binds to 127.0.0.1; use --host 0.0.0.0"
    if addresses and all(":" in address for address in addresses):
        return f"no other container reaches the API by IPv4: it binds to {addresses[0]} alone; use --host 0.0.0.0"
    if by_port and not addresses:
        return f"nothing listens on {port}, but on {', '.join(map(str, sorted(by_port)))}; {_advise_to_correct(role)}"
    return ""


def _list_listeners(stack: Stack, role: str) -> tuple[Listener, ...]:
    try:
        return inside.probe(stack, role).listening
    except CheckFailed:
        return ()


def _advise_to_correct(role: str) -> str:
    return f"correct roles.{role}.port or roles.{role}.live"


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"


def _describe_failure(stack: Stack, role: str, path: str, reply: Reply, setting: str) -> str:
    """Return what the API answered last instead of 200, the error in its log, and which setting to change."""
    remedy = _find_remedy(stack, role, path, reply, setting)
    if not remedy and setting == f"roles.{role}.live":
        remedy = _advise_to_correct(role)
    seen = "" if reply.status is not None else "got no answer: "
    parts = [f"GET {path} {seen}{_describe_reply(stack, reply)}"]
    error = stack.find_error(role)
    return "; ".join([*parts, *([f"its log says: {error}"] if error else []), *([remedy] if remedy else [])])


def _find_remedy(stack: Stack, role: str, path: str, reply: Reply, setting: str) -> str:
    if reply.status is None:
        return ""
    location = stack.mask(reply.location)
    return advice.find_remedy(reply.status, path, location, setting, stack.settings.get_api(role).headers, role=role)


def _describe_reply(stack: Stack, reply: Reply) -> str:
    if reply.status is None:
        return reply.error or "nothing came"
    body = " ".join(stack.mask(reply.body).split())[:200]
    return f"answered {advice.describe_status(reply.status, stack.mask(reply.location))}{': ' if body else ''}{body}"


def _count_more(found: Sequence[object]) -> str:
    return f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
