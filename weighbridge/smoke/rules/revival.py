"""Brings a stack back after a fault: makes its services and the roles run and serve again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import services, worker
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.http import Client

_OK = 200


def try_and_restore(stack: Stack, fault: Callable[[Stack], str]) -> str:
    """Try a fault; afterwards, whatever its outcome, make services and roles run and serve again for the next one."""
    try:
        return fault(stack)
    finally:
        for service in stack.services:
            services.ensure_runs(stack, service)
        for role in stack.settings.roles:
            with suppress(CheckFailed):  # if a role does not come back, the next rule says so
                revive(stack, role)


def revive(stack: Stack, role: str) -> None:
    """Start a role if it does not run, and wait until it serves."""
    if not stack.read_state(role).running:
        stack.engine.start(stack.build_name(role))
    if role in stack.settings.api_names:
        limit = stack.settings.smoke.timeout_seconds
        wait_until(stack, limit, partial(find_why_not_ready, stack, role), f"{role} is not ready again")
    elif role in stack.settings.worker_names:
        worker.list_registered_jobs(stack, role)


def find_why_not_ready(stack: Stack, role: str) -> str:
    """Return why an API is not ready; empty if it is."""
    client = Client(stack, role)
    return _find_wrong_answer(client, client.api.ready)


def find_why_not_live(stack: Stack, container: str) -> str:
    """Return why the first API, in another container, is not live; empty if it is."""
    client = Client(stack, stack.api, container)
    return _find_wrong_answer(client, client.api.live)


def wait_until(stack: Stack, seconds: float, find_fault: Callable[[], str], otherwise: str) -> None:
    """Wait until no fault is found.

    Raises:
        CheckFailed: The time is up; the reason begins with `otherwise` and ends with the last fault.
    """
    deadline = time.monotonic() + seconds
    while last := find_fault():
        if time.monotonic() > deadline:
            raise CheckFailed(f"{otherwise} after {seconds:g} s: {last}")
        stack.interruption.pause()


def _find_wrong_answer(client: Client, path: str) -> str:
    """Return why the answer to a GET is not 200; empty if it is."""
    try:
        client.get(path).expect(_OK)
    except CheckFailed as error:
        return str(error)
    return ""
