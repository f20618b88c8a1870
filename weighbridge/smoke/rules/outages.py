"""Rules on services that go away and come back: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from weighbridge.settings.probes import Probe
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.rules.revival import check_same_processes, check_work, find_why_not_ready, wait_until
from weighbridge.smoke.stack.blueprint import KEEPER, WAITING
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.http import Client

OUTAGE_SECONDS = 10.0
_OK, _UNAVAILABLE = 200, 503


def survives_restart(stack: Stack, service: str, probes: Sequence[Probe]) -> str:
    """After a service has restarted without its data, the roles recover by themselves."""
    with check_same_processes(stack, service):
        _kill(stack, service)
        return _recover(stack, service, probes)


def survives_restart_with_its_data(stack: Stack, service: str, probes: Sequence[Probe]) -> str:
    """After a service has restarted with its data, the roles recover by themselves."""
    with check_same_processes(stack, service), _keep_data(stack, service):
        _kill(stack, service)
        return _recover(stack, service, probes)


def survives_outage(stack: Stack, service: str, probes: Sequence[Probe]) -> str:
    """While a service is down, the API is live and says it is not ready; afterwards the roles recover by themselves.

    What it has stored it keeps, if it can.
    """
    with check_same_processes(stack, service), _keep_data(stack, service):
        stack.engine.send_signal(stack.build_name(service), "SIGKILL")
        told = _watch_outage(stack, service)
        return f"{told} meanwhile; {_recover(stack, service, probes)}"


def _watch_outage(stack: Stack, service: str) -> str:
    """Ask the API for as long as the outage lasts; return what it said."""
    client = Client(stack, stack.api)
    api = client.api
    until, said = time.monotonic() + OUTAGE_SECONDS, list[int]()
    while time.monotonic() < until:
        client.get(api.live).expect(_OK)
        said.append(client.get(api.ready).status)
        stack.interruption.pause()
    if said[-1] != _UNAVAILABLE:
        raise CheckFailed(
            f"GET {api.ready} answered {said[-1]} while {service} was down, not {_UNAVAILABLE}: "
            "an API that cannot serve requests would still get them"
        )
    return f"{api.ready} said {_UNAVAILABLE} and {api.live} {_OK}"


def _kill(stack: Stack, service: str) -> None:
    stack.engine.send_signal(stack.build_name(service), "SIGKILL")
    stack.wait(service, lambda state: not state.running, stack.settings.smoke.timeout_seconds)


@contextmanager
def _keep_data(stack: Stack, service: str) -> Iterator[None]:
    """Let another container have the service's folders inside the block, so that they outlive the service."""
    volumes = stack.blueprint.build_service_volumes(service)
    if not volumes:
        yield
        return
    places = {volume: f"/kept/{number}" for number, volume in enumerate(volumes)}
    try:
        stack.start(KEEPER, entrypoint=(stack.get_interpreters(KEEPER)[0], *WAITING), volumes=places)
        yield
    finally:
        stack.engine.remove_container(stack.build_name(KEEPER))


def _recover(stack: Stack, service: str, probes: Sequence[Probe]) -> str:
    """Start a service again and wait until the API is ready; check all probes; return how long that took."""
    stack.engine.start(stack.build_name(service))
    began, limit = time.monotonic(), stack.settings.smoke.timeout_seconds
    for api in stack.settings.api_names:
        ready = stack.settings.get_api(api).ready
        wait_until(stack, limit, partial(find_why_not_ready, stack, api), f"GET {ready} does not answer 200 again")
    check_work(stack, probes, f"after {service} came back")
    return f"all works {time.monotonic() - began:.1f} s after it came back"
