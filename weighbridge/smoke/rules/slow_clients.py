"""Rules on clients that do not go on, while others wait for their answers: each returns what it saw, or raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weighbridge.settings.probes import Probe, Request
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import probes as probe_rules
from weighbridge.smoke.rules.another_api import run_another_api
from weighbridge.smoke.rules.requests import fill_placeholders
from weighbridge.smoke.stack import inside
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.http import Client

_READERS = 64
"""Clients that do not read; as many as a small server may well have."""
_HEADS = 300
_OPEN_FILES = 256
"""Descriptors of an API that gets so many heads: fewer than heads, and more than a server needs by itself."""
_WANTED_BYTES = 2**23
"""What each client asks for: twice as much as Linux keeps, unless told otherwise, for one that does not read."""
_MOST_TIMES = 100
"""How often each asks at most: many requests are work by themselves, whoever reads the answers."""
_SETTLE_SECONDS = 2.0
"""After which an API that holds too much for such clients holds it."""
_HEAD_BYTES = 200
"""About so many bytes have the headers of an answer."""
_OK = 200


def survives_clients_that_do_not_read(
    stack: Stack, probes: Sequence[Probe], write: Request | None, read: str | None
) -> str:
    """While many clients ask for answers and do not read them, the API stays within its memory and answers others."""
    client, before = Client(stack, stack.api), stack.read_state(stack.api)
    path, size = _find_largest(client, _list_paths(client, probes, write, read))
    request = _write_head(client, path) + "\r\n"
    times = min(_WANTED_BYTES // (size + _HEAD_BYTES) + 1, _MOST_TIMES)
    found = _hold(client, request * times, [client.api.live, path], clients=_READERS, drips=False)
    who = f"{_READERS} clients ask for {times} x {size} bytes of GET {path} and do not read them"
    state = stack.read_state(stack.api)
    if state.out_of_memory:
        raise CheckFailed(f"while {who}, {stack.api} {stack.describe_out_of_memory(stack.api)}; {_ADVICE_ON_ANSWERS}")
    if not state.running or state.started_at != before.started_at:
        raise CheckFailed(f"while {who}, {stack.api} ended with code {state.exit_code}; {_ADVICE_ON_ANSWERS}")
    _expect_answers(found, f"while {who}", _ADVICE_ON_ANSWERS)
    return f"{_count_closed(found)}, and others were answered after {_find_longest(found):.1f} s"


def survives_heads_that_never_end(stack: Stack) -> str:
    """While the heads of more requests than an API has descriptors never end, it answers others."""
    otherwise = f"an API with {_OPEN_FILES} descriptors is not live"
    with run_another_api(stack, "api-few-files", otherwise, open_files=_OPEN_FILES) as client:
        found = _hold(client, _write_head(client, client.api.live) + "X-Slow: ", [client.api.live], clients=_HEADS)
        who = f"while {_HEADS} request heads never end, and it has {_OPEN_FILES} descriptors"
        _expect_answers(found, who, _ADVICE_ON_HEADS)
    return f"{_count_closed(found)}, and others were answered after {_find_longest(found):.1f} s"


_PROXY = "a reverse proxy in front does that; if there is one, accept this rule with that reason"
_ADVICE_ON_ANSWERS = f"limit how long a client may take to read, and what is kept for it meanwhile: {_PROXY}"
_ADVICE_ON_HEADS = f"limit how long the head of a request may take: {_PROXY}"


def _list_paths(client: Client, probes: Sequence[Probe], write: Request | None, read: str | None) -> Iterator[str]:
    """Yield what can be asked for: the first GET of each probe, what was written for it, and what is always there."""
    yield client.api.live
    if client.api.openapi:
        yield client.api.openapi
    yield from (probe.steps[0].path for probe in probes if probe.steps[0].method == "GET")
    if write and read:
        kept: dict[str, Any] = {"unique": "slow"}
        probe_rules.send(client, write, kept)
        yield str(fill_placeholders(read, kept))


def _find_largest(client: Client, paths: Iterator[str]) -> tuple[str, int]:
    """Return the path with the largest answer of those that answer 200, and how many bytes that has."""
    answers = {path: client.get(path) for path in paths if "{" not in path}
    sizes = {path: len(answer.body.encode()) for path, answer in answers.items() if answer.status == _OK}
    path = max(sizes or {client.api.live: 0}, key=lambda each: sizes.get(each, 0))
    return path, sizes.get(path, 0)


def _write_head(client: Client, path: str) -> str:
    """Return the lines of a request's head, without the empty one that ends it."""
    given = {"Host": f"{client.host or client.role}:{client.api.port}", **client.build_headers()}
    headers = {name.lower(): f"{name}: {value}\r\n" for name, value in given.items()}
    return f"GET {path} HTTP/1.1\r\n{''.join(headers.values())}"


def _hold(client: Client, text: str, paths: Sequence[str], *, clients: int, drips: bool = True) -> Mapping[str, Any]:
    """Let clients send a text and not go on; return what became of them and of a client that asks meanwhile."""
    limit = client.stack.settings.smoke.timeout_seconds
    wanted = {
        **client.get_address(),
        "text": text,
        "clients": clients,
        "drips": drips,
        "paths": [*paths],
        "headers": client.build_headers(),
        "settle_seconds": _SETTLE_SECONDS,
        "limit_seconds": limit,
    }
    found: Mapping[str, Any] = inside.ask(client.stack, "hold.py", wanted, seconds=limit * (len(paths) + 1) + clients)
    return found


def _expect_answers(found: Mapping[str, Any], when: str, remedy: str) -> None:
    """Raise `CheckFailed` about the first path that was not answered with 200."""
    for answer in found["answers"]:
        if answer.get("status") != _OK:
            seen = f"answered {answer['status']}" if "status" in answer else f"got no answer: {answer['error']}"
            raise CheckFailed(
                f"{when}, GET {answer['path']} of another client {seen}, for {answer['seconds']:.0f} s; {remedy}"
            )


def _count_closed(found: Mapping[str, Any]) -> str:
    """Return how many connections were closed, as the beginning of a sentence."""
    gone = found["closed"] + found["refused"]
    return f"{gone} of {found['opened'] + found['refused']} connections were closed or refused"


def _find_longest(found: Mapping[str, Any]) -> float:
    """Return how long the answer took that took longest, in seconds."""
    return max(float(answer["seconds"]) for answer in found["answers"])
