"""Runs the probes of invoke.yaml: sends their requests and checks the answers."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any

from weighbridge.settings.smoke import Probe, Request, Step
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import queues
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.http import Answer, Client

_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_]+)\}")
_FIRST_BAD_STATUS = 300
"""A redirect has done nothing of what the request asks for; one that is wanted is named by `status`."""


def holds(stack: Stack, probe: Probe) -> str:
    """Take the steps of a probe in turn; return how many and how long they took, or raise `CheckFailed`."""
    kept, began, client = {"unique": secrets.token_hex(8)}, time.monotonic(), Client(stack)
    for step in probe.steps:
        _take(client, step, kept)
    count = len(probe.steps)
    return f"{count} request{'s' * (count != 1)}, in {time.monotonic() - began:.1f} s"


def send(client: Client, request: Request, kept: dict[str, Any]) -> Answer:
    """Send a request, store in `kept` what it says to keep, and return the answer, whose status it allows."""
    answer = _ask(client, request, kept)
    _expect_status(request, answer)
    kept.update({name: answer.get_field(field) for name, field in request.keep.items()})
    return answer


def fill_placeholders(value: Any, kept: Mapping[str, Any]) -> Any:
    """Return JSON with each `{name}` in its texts replaced by the value kept by that name; unknown names stay.

    A text that is only a placeholder becomes the kept value itself, which may be a number.
    """
    if isinstance(value, dict):
        return {key: fill_placeholders(each, kept) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [fill_placeholders(each, kept) for each in value]
    if not isinstance(value, str):
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    if whole and whole[1] in kept:
        return kept[whole[1]]
    return _PLACEHOLDER.sub(lambda found: str(kept.get(found[1], found[0])), value)


def _take(client: Client, step: Step, kept: dict[str, Any]) -> None:
    """Take one step: send its request, repeat it until `until` holds or the time is up, and check the answer."""
    limit = client.stack.settings.smoke.timeout_seconds
    deadline = time.monotonic() + limit
    until = fill_placeholders(step.until, kept)
    while missing := _find_not_yet(step, answer := _ask(client, step, kept), until):
        if answer.is_hopeless and answer.status not in step.status:
            raise CheckFailed(missing)
        if time.monotonic() > deadline:
            cause = queues.describe_unconsumed(client.stack) or "does a worker of the same version do the job?"
            raise CheckFailed(f"{missing} after {limit:g} s; {cause}")
        client.stack.interruption.pause()
    _expect_status(step, answer)
    kept.update({name: answer.get_field(field) for name, field in step.keep.items()})
    if missing := _find_missing(answer, fill_placeholders(step.expect, kept)):
        raise CheckFailed(missing)
    wanted = fill_placeholders(step.equals, kept)
    if wanted is not None and answer.parse_json() != wanted:
        raise CheckFailed(f"{answer.request} answered {answer.quote()}, not {json.dumps(wanted)[:200]}")


def _ask(client: Client, request: Request, kept: Mapping[str, Any]) -> Answer:
    path = str(fill_placeholders(request.path, kept))
    return client.get(path) if request.get else client.post(path, fill_placeholders(request.body, kept))


def _expect_status(request: Request, answer: Answer) -> None:
    if request.status:
        answer.expect(*request.status)
    elif answer.status >= _FIRST_BAD_STATUS:
        raise answer.build_failure("not 2xx")


def _find_not_yet(step: Step, answer: Answer, until: Mapping[str, Any]) -> str:
    """Return what an answer still lacks for `until` to hold, which a later answer may have; empty: nothing."""
    if not until:
        return ""
    try:
        _expect_status(step, answer)
        return _find_missing(answer, until)
    except CheckFailed as error:
        return str(error)


def _find_missing(answer: Answer, wanted: Mapping[str, Any]) -> str:
    """Return which field does not have its expected value; empty if all have."""
    for path, value in wanted.items():
        found = answer.get_field(path)
        if found != value:
            return f"{answer.request} answered {path} = {json.dumps(found)}, not {json.dumps(value)}: {answer.quote()}"
    return ""
