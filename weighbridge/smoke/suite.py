"""The rules in the order in which they are tried, and what each of them needs.

The roles start one after the other, so that neither slows the other's start. A rule that cannot hold because another
one does not is not tried: so the rules that fail are exactly what needs mending.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from weighbridge.model.scan import ScannedImage
from weighbridge.model.smoke import RoleName
from weighbridge.settings.project import Settings
from weighbridge.smoke.rule import ALL_BEFORE, Rule
from weighbridge.smoke.rules import (
    api,
    data_usage,
    faults,
    hardening,
    image,
    libraries,
    outages,
    services,
    shutdown,
    start,
    stubs,
)
from weighbridge.smoke.rules import probes as probe_rules
from weighbridge.smoke.rules import worker as worker_rules
from weighbridge.smoke.rules.arrival import Arrival
from weighbridge.smoke.rules.revival import revive, try_and_restore
from weighbridge.smoke.stack.containers import API, CLIENT, STUBS, WORKER, Stack
from weighbridge.smoke.stack.services import build_plan

_IMAGE_RULES = (
    image.runs_as_non_root,
    image.command_is_exec_form,
    image.has_health_check,
    image.declares_its_port,
    image.no_secrets_in_config,
    image.no_secrets_in_layers,
    image.no_setuid_files,
    image.code_is_not_writable,
    image.no_compiler,
    image.no_package_cache,
    image.no_vcs_folder,
    image.no_test_suite,
    image.no_env_file,
    image.no_tool_files,
    image.code_is_for_this_platform,
)
_NON_ROOT, _HEALTH_CHECK = "image runs-as-non-root", "image has-health-check"
_PYTHON, _STUBS = "image has-python", "stack stubs-start"
_LOGS = {"killed-worker-loses-no-job": WORKER}
_LIVE, _READY = "api live", "api ready"
_WORKER_READY, _JOBS = "worker ready", "worker registers-its-jobs"
_LOADABLE = ("image code-is-for-this-platform", "image libraries-resolve")


def build_rules(settings: Settings, contents: ScannedImage) -> Iterator[Rule]:
    """Yield the rules on an image and on the containers that run from it."""
    yield from _build_image_rules(settings, contents)
    yield from _build_first_rules(settings)
    arrival = Arrival()
    yield from _build_role_rules(settings, API, arrival.begin)
    yield from _build_answer_rules(settings, arrival)
    yield from _build_role_rules(settings, WORKER)
    yield from _build_work_rules(settings)
    yield from _build_end_rules(settings)
    if settings.smoke.stubs:
        yield Rule(role="stack", name="stubs-are-called", holds=stubs.stubs_are_called, needs=(_READY, _WORKER_READY))
    if settings.smoke.data:
        yield Rule(
            role="stack",
            name="data-stays-small",
            holds=data_usage.data_stays_small,
            needs=("api runs-on-read-only-root", "worker runs-on-read-only-root"),
        )
    yield Rule(
        role="stack",
        name="no-error-in-logs",
        holds=partial(shutdown.no_error_in_logs, containers=(API, WORKER)),
        needs=(ALL_BEFORE,),
    )


def build_fault_rules(settings: Settings) -> Iterator[Rule]:
    """Yield the rules on faults, except those for which the settings do not say how to cause or check them."""
    yield Rule(role="fault", name="stack-starts", holds=_start_all, log_of=API)
    for name, fault in _list_faults(settings):
        holds = partial(try_and_restore, fault=fault)
        yield Rule(role="fault", name=name, holds=holds, needs=("fault stack-starts",), log_of=_LOGS.get(name, API))


def _list_faults(settings: Settings) -> Iterator[tuple[str, Callable[[Stack], str]]]:
    """Yield the name of each rule on a fault, and the function that causes the fault and checks what follows."""
    worker, chosen, probes = settings.roles.worker, settings.smoke.faults, settings.smoke.probes
    if worker.slow_job and worker.job_result:
        holds = partial(faults.killed_worker_loses_no_job, slow_job=worker.slow_job, job_result=worker.job_result)
        yield "killed-worker-loses-no-job", holds
    keeping = [name for name, service in settings.services.items() if build_plan(name, service, "").keeps_data]
    for name in settings.services:
        on = partial(partial, service=name, probes=probes)
        if name in keeping:
            yield f"survives-restart-of-{name}-with-its-data", on(outages.survives_restart_with_its_data)
        else:
            yield f"survives-restart-of-{name}", on(outages.survives_restart)
        yield f"survives-outage-of-{name}", on(outages.survives_outage)
    if chosen.write and chosen.read:
        yield "killed-api-loses-nothing", partial(faults.killed_api_loses_nothing, write=chosen.write, read=chosen.read)
        if settings.smoke.data:
            yield "says-when-data-is-read-only", partial(faults.says_when_data_is_read_only, write=chosen.write)
            yield "says-when-data-is-full", partial(faults.says_when_data_is_full, write=chosen.write)
    for name in keeping:  # last, because what is lost here is missing in whatever follows
        yield f"survives-restart-of-{name}", partial(outages.survives_restart, service=name, probes=probes)


def list_names(settings: Settings, contents: ScannedImage) -> frozenset[str]:
    """Return the names and titles of all rules: a variant may waive a rule by either."""
    known = [*build_rules(settings, contents), *build_fault_rules(settings)]
    return frozenset(name for rule in known for name in (rule.name, rule.title))


def _build_image_rules(settings: Settings, contents: ScannedImage) -> Iterator[Rule]:
    for judge in _IMAGE_RULES:
        name = judge.__name__.replace("_", "-")
        needs = (_NON_ROOT,) if judge is image.code_is_not_writable else ()
        yield Rule(role="image", name=name, holds=_bind_judge(judge, contents, settings), needs=needs)


def _bind_judge(
    judge: Callable[[ScannedImage, Settings], str], contents: ScannedImage, settings: Settings
) -> Callable[[Stack], str]:
    return lambda _: judge(contents, settings)


def _build_first_rules(settings: Settings) -> Iterator[Rule]:
    """Yield the rules that nearly all later ones need: an interpreter in the image, and services that answer."""
    yield Rule(role="image", name="has-python", holds=start.has_python, log_of=CLIENT)
    yield Rule(role="image", name="libraries-resolve", holds=libraries.libraries_resolve, needs=(_PYTHON,))
    all_have_their_own = settings.roles.api.health and settings.roles.worker.health
    needs = (_PYTHON,) if all_have_their_own else (_PYTHON, _HEALTH_CHECK)
    yield Rule(role="image", name="health-check-can-fail", holds=start.health_check_can_fail, needs=needs)
    for name in settings.services:
        holds = partial(services.starts, service=name)
        yield Rule(role="stack", name=f"{name}-starts", holds=holds, log_of=name)
    if settings.smoke.stubs:
        yield Rule(role="stack", name="stubs-start", holds=stubs.stubs_start, needs=(_PYTHON,), log_of=STUBS)


def _list_service_rules(settings: Settings) -> tuple[str, ...]:
    """Return the titles of the rules on services."""
    return tuple(f"stack {name}-starts" for name in settings.services)


def _list_first_rules(settings: Settings) -> tuple[str, ...]:
    """Return the titles of the rules without which no role can be tried."""
    return (*_list_service_rules(settings), _PYTHON, *((_STUBS,) if settings.smoke.stubs else ()))


def _build_role_rules(
    settings: Settings, role: RoleName, on_start: Callable[[Stack], None] = lambda _: None
) -> Iterator[Rule]:
    """Yield the rules on how a role starts and what its processes may do."""

    def of(name: str, holds: Callable[..., str], *needs: str) -> Rule:
        return Rule(role=role, name=name, holds=partial(holds, role=role), needs=needs, log_of=role)

    has_its_own = (settings.roles.api if role == API else settings.roles.worker).health
    runs = f"{role} runs-on-read-only-root"
    begin = of("starts", partial(start.starts, on_start=on_start), *_list_first_rules(settings))
    yield replace(begin, explained_by=_LOADABLE)
    yield of("runs-on-read-only-root", start.runs_on_read_only_root, f"{role} starts")
    yield of("becomes-healthy", start.becomes_healthy, runs, *(() if has_its_own else (_HEALTH_CHECK,)))
    yield of("uid", hardening.uid, runs, _NON_ROOT)
    yield of("holds-no-privileges", hardening.holds_no_privileges, runs)
    yield of("root-filesystem-is-read-only", hardening.root_filesystem_is_read_only, runs)
    yield of("listens-where-declared", hardening.listens_where_declared, runs)


def _build_answer_rules(settings: Settings, arrival: Arrival) -> Iterator[Rule]:
    """Yield the rules on what the API answers before any probe has sent it data."""

    def of_api(name: str, holds: Callable[[Stack], str], *needs: str) -> Rule:
        return Rule(role=API, name=name, holds=holds, needs=needs, log_of=API)

    yield of_api("live", lambda stack: api.live(stack, arrival.wait(stack)), "api runs-on-read-only-root")
    yield of_api("ready", lambda stack: api.ready(stack, arrival.wait(stack)), _LIVE)
    path = settings.roles.api.openapi
    if path:
        yield of_api("serves-openapi", partial(api.serves_openapi, path=path), _LIVE)
        described = "api serves-openapi", _READY
        yield of_api("answers-every-get", partial(api.answers_every_get, path=path), *described)


def _build_work_rules(settings: Settings) -> Iterator[Rule]:
    """Yield the rules on the worker at work, and the probes, which need both roles."""
    jobs = settings.roles.worker.jobs
    running = "worker runs-on-read-only-root"
    yield Rule(
        role=WORKER,
        name="ready",
        holds=worker_rules.ready,
        needs=(running, *_list_service_rules(settings)),
        moot_after=("worker becomes-healthy",),
        log_of=WORKER,
    )
    if jobs:
        holds = partial(worker_rules.registers_its_jobs, jobs=jobs)
        yield Rule(role=WORKER, name="registers-its-jobs", holds=holds, needs=(_WORKER_READY,), log_of=WORKER)
    for probe in settings.smoke.probes:
        needs, log_of = ((_READY,), API) if probe.role == API else ((_READY, _WORKER_READY, _JOBS), WORKER)
        holds = partial(probe_rules.holds, probe=probe)
        yield Rule(role=probe.role, name=probe.rule, holds=holds, needs=needs, log_of=log_of)


def _build_end_rules(settings: Settings) -> Iterator[Rule]:
    """Yield the rules on how both roles end."""
    worker, needs = settings.roles.worker, (_WORKER_READY, _JOBS)
    if worker.slow_job:
        holds = partial(shutdown.finishes_running_job, slow_job=worker.slow_job, job_result=worker.job_result)
        yield Rule(role=WORKER, name="finishes-running-job-on-sigterm", holds=holds, needs=needs, log_of=WORKER)
    else:
        holds = partial(shutdown.stops_on_sigterm, role=WORKER)
        yield Rule(role=WORKER, name="stops-on-sigterm", holds=holds, needs=needs, log_of=WORKER)
    post = next((step for probe in settings.smoke.probes for step in probe.steps[:1] if step.post), None)
    if post:
        holds = partial(shutdown.finishes_request_in_flight, request=post)
        yield Rule(role=API, name="finishes-request-in-flight", holds=holds, needs=(_READY,), log_of=API)
    holds = partial(shutdown.stops_on_sigterm, role=API)
    yield Rule(role=API, name="stops-on-sigterm", holds=holds, needs=("api runs-on-read-only-root",), log_of=API)


def _start_all(stack: Stack) -> str:
    """Start the services, the client and both roles, which have passed their rules, and wait until they serve."""
    for service in stack.services:
        services.starts(stack, service)
    start.has_python(stack)
    if stack.settings.smoke.stubs:
        stubs.stubs_start(stack)
    for role in (API, WORKER):
        start.starts(stack, role)
    revive(stack, API)
    revive(stack, WORKER)
    return ", ".join((*stack.services, "API and worker"))
