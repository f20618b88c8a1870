"""The rules on faults, in the order in which they are tried, on a stack of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from weighbridge.model.rules import Profile
from weighbridge.model.services import REDIS_LIKE, name_kind
from weighbridge.settings.project import Settings
from weighbridge.smoke import image_suite
from weighbridge.smoke.rule import Rule
from weighbridge.smoke.rules import before, broker_faults, faults, outages, services, slow_clients, start, stubs
from weighbridge.smoke.rules.revival import revive, try_and_restore
from weighbridge.smoke.stack.cast import Cast
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.services import build_plan

_STARTS = "fault stack-starts"


@dataclass(frozen=True, slots=True)
class _Fault:
    """A rule on a fault."""

    name: str
    log_of: str
    """The role whose log explains it; empty: that of the first."""
    holds: Callable[[Stack], str]
    """Causes the fault and judges what follows."""
    demanded_by: Profile = "works"


def build_rules(settings: Settings, cast: Cast) -> Iterator[Rule]:
    """Yield the rules on faults, except those for which the settings do not say how to cause or check them."""
    first = next(iter(settings.roles), "")
    yield Rule(role="fault", name="stack-starts", holds=partial(_start_all, cast=cast), log_of=first)
    for fault in _list_faults(settings):
        yield Rule(
            role="fault",
            name=fault.name,
            holds=partial(try_and_restore, fault=fault.holds),
            needs=(_STARTS,),
            demanded_by=fault.demanded_by,
            log_of=fault.log_of or first,
        )


def _list_faults(settings: Settings) -> Iterator[_Fault]:
    """Yield the rules. Those come last that lose what later ones may need."""
    api, probes = next(iter(settings.api_names), ""), settings.smoke.probes
    yield from _list_worker_faults(settings)
    yield from _list_broker_faults(settings)
    keeping = [name for name, service in settings.services.items() if build_plan(name, service, "").keeps_data]
    for name in settings.services:
        on = partial(partial, service=name, probes=probes)
        if name in keeping:
            yield _Fault(f"survives-restart-of-{name}-with-its-data", api, on(outages.survives_restart_with_its_data))
        else:
            yield _Fault(f"survives-restart-of-{name}", api, on(outages.survives_restart))
        if api:
            yield _Fault(f"survives-outage-of-{name}", api, on(outages.survives_outage))
    yield from _list_api_faults(settings)
    for name in keeping:
        on_all = partial(outages.survives_restart, service=name, probes=probes)
        yield _Fault(f"survives-restart-of-{name}", api, on_all)


def _list_api_faults(settings: Settings) -> Iterator[_Fault]:
    """Yield what the first API has to bear: clients that do not go on, an end by force, and data that takes no more."""
    api, chosen = next(iter(settings.api_names), ""), settings.smoke.faults
    if api:
        ask = partial(
            slow_clients.survives_clients_that_do_not_read,
            probes=[probe for probe in settings.smoke.probes if settings.find_api_for(probe.role) == api],
            write=chosen.write,
            read=chosen.read,
        )
        yield _Fault("survives-clients-that-do-not-read", api, ask, "hardened")
        yield _Fault("survives-heads-that-never-end", api, slow_clients.survives_heads_that_never_end, "hardened")
    if chosen.write and chosen.read:
        kill = partial(faults.killed_api_loses_nothing, write=chosen.write, read=chosen.read)
        yield _Fault("killed-api-loses-nothing", api, kill)
        if settings.smoke.data:
            read_only = partial(faults.says_when_data_is_read_only, write=chosen.write)
            yield _Fault("says-when-data-is-read-only", api, read_only)
            yield _Fault("says-when-data-is-full", api, partial(faults.says_when_data_is_full, write=chosen.write))


def _list_broker_faults(settings: Settings) -> Iterator[_Fault]:
    """Yield what a broker in Redis may do to the workers. Beside RabbitMQ, Redis is no broker."""
    kinds = {name: name_kind(service.image) for name, service in settings.services.items()}
    brokers = [name for name, kind in kinds.items() if kind in REDIS_LIKE]
    worker, probes = next(iter(settings.worker_names), ""), settings.smoke.probes
    if not worker or not brokers or "rabbitmq" in kinds.values():
        return
    read = partial(broker_faults.survives_undecodable_message, services=brokers, probes=probes)
    yield _Fault("survives-undecodable-message", worker, read, "hardened")
    for name in brokers:
        flush = partial(broker_faults.survives_flush, service=name, probes=probes)
        yield _Fault(f"survives-flush-of-{name}", worker, flush)
        if waiting := broker_faults.list_waiting(probes):
            lose = partial(broker_faults.flush_loses_no_job, service=name, probes=waiting)
            yield _Fault(f"flush-of-{name}-loses-no-job", worker, lose, "hardened")


def _list_worker_faults(settings: Settings) -> Iterator[_Fault]:
    """Yield the loss of each worker that can be given a slow job; if there is only one, its rule does not name it."""
    able = [name for name in settings.worker_names if settings.get_worker(name).slow_job]
    for name in able:
        worker = settings.get_worker(name)
        if worker.slow_job and worker.job_result:
            kill = partial(
                faults.killed_worker_loses_no_job, role=name, slow_job=worker.slow_job, job_result=worker.job_result
            )
            of = "" if len(able) == 1 else f"-of-{name}"
            yield _Fault(f"killed-worker-loses-no-job{of}", name, kill)


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
