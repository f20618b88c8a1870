"""The rules on faults, in the order in which they are tried, on a stack of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from weighbridge.settings.project import Settings
from weighbridge.smoke import image_suite
from weighbridge.smoke.rule import Rule
from weighbridge.smoke.rules import before, faults, outages, services, start, stubs
from weighbridge.smoke.rules.revival import revive, try_and_restore
from weighbridge.smoke.stack.cast import Cast
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.services import build_plan

_STARTS = "fault stack-starts"


def build_rules(settings: Settings, cast: Cast) -> Iterator[Rule]:
    """Yield the rules on faults, except those for which the settings do not say how to cause or check them."""
    first = next(iter(settings.roles), "")
    yield Rule(role="fault", name="stack-starts", holds=partial(_start_all, cast=cast), log_of=first)
    for name, log_of, fault in _list_faults(settings):
        holds = partial(try_and_restore, fault=fault)
        yield Rule(role="fault", name=name, holds=holds, needs=(_STARTS,), log_of=log_of or first)


def _list_faults(settings: Settings) -> Iterator[tuple[str, str, Callable[[Stack], str]]]:
    """Yield the name of each rule on a fault, whose log explains it, and the function that causes and judges it."""
    api = next(iter(settings.api_names), "")
    yield from _list_worker_faults(settings)
    keeping = [name for name, service in settings.services.items() if build_plan(name, service, "").keeps_data]
    probes = settings.smoke.probes
    for name in settings.services:
        on = partial(partial, service=name, probes=probes)
        if name in keeping:
            yield f"survives-restart-of-{name}-with-its-data", api, on(outages.survives_restart_with_its_data)
        else:
            yield f"survives-restart-of-{name}", api, on(outages.survives_restart)
        if api:
            yield f"survives-outage-of-{name}", api, on(outages.survives_outage)
    chosen = settings.smoke.faults
    if chosen.write and chosen.read:
        kill = partial(faults.killed_api_loses_nothing, write=chosen.write, read=chosen.read)
        yield "killed-api-loses-nothing", api, kill
        if settings.smoke.data:
            yield "says-when-data-is-read-only", api, partial(faults.says_when_data_is_read_only, write=chosen.write)
            yield "says-when-data-is-full", api, partial(faults.says_when_data_is_full, write=chosen.write)
    for name in keeping:  # last, because what is lost here is missing in whatever follows
        yield f"survives-restart-of-{name}", api, partial(outages.survives_restart, service=name, probes=probes)


def _list_worker_faults(settings: Settings) -> Iterator[tuple[str, str, Callable[[Stack], str]]]:
    """Yield the loss of each worker that can be given a slow job; if there is only one, its rule does not name it."""
    able = [name for name in settings.worker_names if settings.get_worker(name).slow_job]
    for name in able:
        worker = settings.get_worker(name)
        if worker.slow_job and worker.job_result:
            kill = partial(
                faults.killed_worker_loses_no_job, role=name, slow_job=worker.slow_job, job_result=worker.job_result
            )
            of = "" if len(able) == 1 else f"-of-{name}"
            yield f"killed-worker-loses-no-job{of}", name, kill


def _start_all(stack: Stack, cast: Cast) -> str:
    """Start everything that has passed its rules, and wait until it serves; from here on, roles may end."""
    for service in stack.services:
        services.starts(stack, service)
    for key in image_suite.list_python_images(stack.settings, cast):
        start.has_python(stack, key)
    if stack.settings.smoke.stubs:
        stubs.stubs_start(stack)
    for name in stack.settings.smoke.before:
        before.completes(stack, name)
    for role in stack.settings.roles:
        start.starts(stack, role)
    stack.observed.watched.clear()
    for role in stack.settings.roles:
        revive(stack, role)
    return ", ".join((*stack.services, *stack.settings.roles))
