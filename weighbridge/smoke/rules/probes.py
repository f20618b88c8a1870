"""Runs the probes of invoke.yaml: sends their requests and checks the answers."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from weighbridge.settings.probes import Probe, Request, Step
from weighbridge.settings.project import Settings
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import requests
from weighbridge.smoke.rules.requests import fill_placeholders
from weighbridge.smoke.stack import queues
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.http import Answer, Client

_FIRST_BAD_STATUS = 300
"""A redirect has done nothing of what the request asks for; one that is wanted is named by `status`."""


def holds(stack: Stack, probe: Probe) -> str:
    """Take the steps of a probe in turn; return how many and how long they took, or raise `CheckFailed`."""
    began, count = time.monotonic(), len(probe.steps)
    take_steps(stack, probe, probe.steps, {"unique": secrets.token_hex(8)})
    return f"{count} request{'s' * (count != 1)}, in {time.monotonic() - began:.1f} s"


def take_steps(stack: Stack, probe: Probe, steps: Sequence[Step], kept: dict[str, Any]) -> None:
    """Take some of the steps of a probe in turn, and store in `kept` what they say to keep; or raise `CheckFailed`."""
    client = Client(stack, stack.settings.find_api_for(probe.role))
    for step in steps:
        _take(client, step, kept, find_log_of(stack.settings, probe))


def find_log_of(settings: Settings, probe: Probe) -> str:
    """Return the role whose log says why a probe does not hold: its own, or the first worker, or the API."""
    if probe.role in settings.roles:
        return probe.role
    return next(iter((*settings.worker_names, settings.find_api_for(probe.role))))


def send(client: Client, request: Request, kept: dict[str, Any]) -> Answer:
    """Send a request, store in `kept` what it says to keep, and return the answer, whose status it allows."""
    answer = _ask(client, request, kept)
    _expect_status(request, answer)
    requests.keep(client.stack, request, answer, kept)
    return answer


def _take(client: Client, step: Step, kept: dict[str, Any], waits_for: str) -> None:
    """Take one step: send its request, repeat it until `until` holds or the time is up, and check the answer."""
    answer = _wait(client, step, kept, waits_for)
    _expect_status(step, answer)
    requests.keep(client.stack, step, answer, kept)
    missing = _find_missing(answer, fill_placeholders(step.expect, kept)) or _find_missing_text(step, answer, kept)
    if missing := missing or _find_missing_header(step, answer, kept):
        raise CheckFailed(missing)
    wanted = fill_placeholders(step.equals, kept)
    if wanted is not None and answer.parse_json() != wanted:
        raise CheckFailed(f"{answer.request} answered {answer.quote()}, not {json.dumps(wanted)[:200]}")


def _wait(client: Client, step: Step, kept: Mapping[str, Any], waits_for: str) -> Answer:
    """Send the request of a step, repeat it until `until` holds, and return the last answer.

    Raises:
        CheckFailed: The time is up, a field has a value of `fail_on`, or the answer will never change.
    """
    limit = client.stack.settings.smoke.timeout_seconds
    deadline = time.monotonic() + limit
    until, fail_on = fill_placeholders(step.until, kept), fill_placeholders(step.fail_on, kept)
    while missing := _find_not_yet(step, answer := _ask(client, step, kept), until):
        if ended := _find_end(answer, fail_on):
            error = client.stack.find_error(waits_for)
            log = f"; the log of {waits_for} says: {error}" if error else ""
            raise CheckFailed(f"{ended}, which ends the waiting: {answer.quote()}{log}")
        if answer.is_hopeless and answer.status not in step.status:
            raise CheckFailed(missing)
        if time.monotonic() > deadline:
            cause = queues.describe_unconsumed(client.stack) or "does a worker of the same version do the job?"
            raise CheckFailed(f"{missing} after {limit:g} s; {cause}")
        client.stack.pause()
    return answer


def _ask(client: Client, request: Request, kept: Mapping[str, Any]) -> Answer:
    answer = client.send(requests.build(client.stack, request, kept))
    requests.note_secrets(client.stack, answer.body)
    return answer


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


def _find_end(answer: Answer, fail_on: Mapping[str, Any]) -> str:
    """Return which field has a value that ends the waiting; empty: none has, or the answer has no such field."""
    for path, value in fail_on.items():
        try:
            found = answer.get_field(path)
        except CheckFailed:
            continue
        if found == value or (isinstance(value, list) and found in value):
            return f"{answer.request} answered {path} = {json.dumps(found)}"
    return ""


def _find_missing(answer: Answer, wanted: Mapping[str, Any]) -> str:
    """Return which field does not have its expected value; empty if all have."""
    for path, value in wanted.items():
        found = answer.get_field(path)
        if found != value:
            return f"{answer.request} answered {path} = {json.dumps(found)}, not {json.dumps(value)}: {answer.quote()}"
    return ""


def _find_missing_text(step: Step, answer: Answer, kept: Mapping[str, Any]) -> str:
    """Return which text the body does not contain; empty if it contains all."""
    for text in map(str, fill_placeholders(step.contains, kept)):
        if text not in answer.body:
            return (
                f"{answer.request} answered without the text {json.dumps(text, ensure_ascii=False)}: {answer.quote()}"
            )
    return ""


def _find_missing_header(step: Step, answer: Answer, kept: Mapping[str, Any]) -> str:
    """Return which header does not have its expected value; empty if all have."""
    for name, value in step.expect_headers.items():
        wanted, first = str(fill_placeholders(value, kept)), answer.get_header(name)
        if not any(wanted in {found, found.partition(";")[0].strip()} for found in answer.list_header(name)):
            return f"{answer.request} answered with the header {name}: {first}, not {wanted}"
    return ""
