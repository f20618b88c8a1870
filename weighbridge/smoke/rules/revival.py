"""Brings a stack back after a fault, and checks what has come through it by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial

from weighbridge.settings.probes import Probe
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules import probes as probe_rules
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


@contextmanager
def check_same_processes(stack: Stack, service: str) -> Iterator[None]:
    """Raise `CheckFailed` if a role ended or was started again inside the block."""
    before = {role: stack.read_state(role).started_at for role in stack.settings.roles}
    try:
        yield
    except CheckFailed as error:
        _compare_processes(stack, service, before)  # if a role ended, that is the cause
        state = stack.read_state(service)
        if not state.running:
            raise CheckFailed(f"{service} itself is {state.status}, with code {state.exit_code}: {error}") from error
        raise
    _compare_processes(stack, service, before)


def _compare_processes(stack: Stack, service: str, before: Mapping[str, float]) -> None:
    for role, started in before.items():
        state = stack.read_state(role)
        if not state.running or state.started_at != started:
            raise CheckFailed(
                f"{role} is {state.status}, with code {state.exit_code}: it did not survive without {service}"
            )


def check_work(stack: Stack, probes: Sequence[Probe], when: str) -> None:
    """Make sure that all probes hold and that a worker answers.

    Raises:
        CheckFailed: One does not; the reason begins with `when`.
    """
    for probe in probes:
        try:
            probe_rules.holds(stack, probe)
        except CheckFailed as error:
            raise CheckFailed(f"{when}, {probe.rule} does not hold: {error}") from error
    if all(probe.role in stack.settings.api_names for probe in probes):  # so none has shown that a worker works
        for role in stack.settings.worker_names:
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
