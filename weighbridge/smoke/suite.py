"""The rules in the order in which they are tried, and what each of them needs.

Roles that need not wait for each other start at once, and an API may end while the last worker does. A rule that cannot
hold because another one does not is not tried: so the rules that fail are exactly what needs mending.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import assert_never, get_args

from weighbridge.model.rules import Profile
from weighbridge.settings.project import Settings
from weighbridge.smoke import fault_suite, image_suite
from weighbridge.smoke.image_suite import HAS_HEALTH_CHECK, HAS_PYTHON, NON_ROOT, title_image
from weighbridge.smoke.rule import KEEPS_RUNNING, STARTS, Rule
from weighbridge.smoke.rules import api, beat, before, data_usage, hardening, services, shutdown, start, stubs
from weighbridge.smoke.rules import probes as probe_rules
from weighbridge.smoke.rules import worker as worker_rules
from weighbridge.smoke.rules.arrival import Arrival
from weighbridge.smoke.rules.in_flight import RequestInFlight
from weighbridge.smoke.rules.later import Later
from weighbridge.smoke.stack.blueprint import STUBS, Blueprint
from weighbridge.smoke.stack.cast import Cast
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.runs import Run

_STUBS = "stack stubs-start"
_READ_ONLY_ROOT = "runs-on-read-only-root"


def build_rules(settings: Settings, cast: Cast) -> Iterator[Rule]:
    """Yield the rules on images and on the containers that run from them."""
    return _Suite(settings, cast).build()


def build_fault_rules(settings: Settings, cast: Cast) -> Iterator[Rule]:
    """Yield the rules on faults, except those for which the settings do not say how to cause or check them."""
    return fault_suite.build_rules(settings, cast)


def list_names(settings: Settings, cast: Cast) -> frozenset[str]:
    """Return the names and titles of all rules, whatever the profile: a variant may waive a rule by either."""
    smoke = settings.smoke
    chosen = [
        settings.model_copy(update={"smoke": smoke.model_copy(update={"profile": profile})})
        for profile in get_args(Profile)
    ]
    known = [rule for each in chosen for rule in (*build_rules(each, cast), *build_fault_rules(each, cast))]
    return frozenset(name for rule in known for name in (rule.name, rule.title))


class _Suite:
    """The rules on one stack, without those on faults."""

    def __init__(self, settings: Settings, cast: Cast) -> None:
        self._settings = settings
        self._cast = cast
        self._blueprint = Blueprint(settings=settings, cast=cast, services={}, run=Run("", keep=False))
        self._arrivals = {name: Arrival(name) for name in settings.api_names}
        self._in_flight = self._find_request_in_flight()
        self._has_python = image_suite.list_python_images(settings, cast)
        checked = {key: image_suite.list_checked_roles(settings, cast, key) for key in self._has_python}
        self._checked = {key: roles for key, roles in checked.items() if roles}
        self._idle = {
            key: Later(partial(start.health_check_can_fail, roles=roles)) for key, roles in self._checked.items()
        }

    def build(self) -> Iterator[Rule]:
        """Yield them in order."""
        settings = self._settings
        yield from image_suite.build_rules(settings, self._cast)
        for name in settings.services:
            holds = partial(services.starts, service=name)
            yield Rule(role="stack", name=f"{name}-starts", holds=holds, log_of=name)
        if settings.smoke.stubs:
            has_python = title_image(self._cast, self._cast.main, HAS_PYTHON)
            yield Rule(role="stack", name="stubs-start", holds=stubs.stubs_start, needs=(has_python,), log_of=STUBS)
        for name in settings.smoke.before:
            needs, log_of = self._list_first(), before.name_container(name)
            yield Rule(role="before", name=name, holds=partial(before.completes, name=name), needs=needs, log_of=log_of)
        for role in settings.roles:
            yield from self._build_role_rules(role)
        for role in settings.roles:
            yield from self._build_work_rules(role)
        yield from self._build_probe_rules()
        for role in self._list_in_order_of_ends():
            yield from self._build_rules_before_the_end(role)
        for role in self._list_in_order_of_ends():
            yield from self._build_end_rules(role)
        for key, idle in self._idle.items():
            yield image_suite.build_health_rule(settings, self._cast, key, idle.wait)
        yield from self._build_last_rules()

    def _list_in_order_of_ends(self) -> list[str]:
        """Return the roles; whoever sends jobs ends last."""
        return sorted(self._settings.roles, key=lambda role: role in self._settings.api_names)

    @property
    def _is_hardened(self) -> bool:
        return self._blueprint.is_hardened

    def _build_rule(self, role: str, name: str, holds: Callable[[Stack], str], *needs: str) -> Rule:
        """Return a rule on a role, which has to run for that."""
        return Rule(role=role, name=name, holds=holds, needs=needs, uses=(role,), log_of=role)

    def _title_image(self, role: str, name: str) -> str:
        """Return the title of a rule on the image of a role."""
        return title_image(self._cast, self._blueprint.find_key(role), name)

    def _list_first(self) -> tuple[str, ...]:
        """Return the titles of the rules without which nothing of the application can be tried."""
        started = tuple(f"stack {name}-starts" for name in self._settings.services)
        has_python = tuple(title_image(self._cast, key, HAS_PYTHON) for key in self._has_python)
        return (*started, *has_python, *((_STUBS,) if self._settings.smoke.stubs else ()))

    def _name_running(self, role: str) -> str:
        """Return the title of the rule without which nothing can be asked of a role."""
        return f"{role} {_READ_ONLY_ROOT if self._is_hardened else STARTS}"

    def _name_serving(self, role: str) -> str:
        """Return the title of the rule that shows that a role can do its work."""
        kind = self._settings.roles[role].kind
        return f"{role} ready" if kind in {"api", "worker"} else self._name_running(role)

    def _build_role_rules(self, role: str) -> Iterator[Rule]:
        """Yield the rules on how a role starts, what its processes may do, and what it answers."""
        settings, runs = self._settings.roles[role], self._name_running(role)
        arrival = self._arrivals.get(role)
        first = (*self._list_first(), *(f"before {name}" for name in self._settings.smoke.before))
        starts = partial(start.starts, role=role, on_start={name: each.begin for name, each in self._arrivals.items()})
        yield replace(self._build_rule(role, STARTS, starts, *first), uses=())
        if self._is_hardened:
            holds = partial(start.runs_on_read_only_root, role=role)
            rule = self._build_rule(role, _READ_ONLY_ROOT, holds, f"{role} {STARTS}")
            yield replace(rule, uses=(), waived=self._find_waiver(role))
        if self._is_hardened or self._has_health_check(role):
            needs = () if settings.health else (self._title_image(role, HAS_HEALTH_CHECK),)
            yield self._build_rule(role, "becomes-healthy", partial(start.becomes_healthy, role=role), runs, *needs)
        if arrival:
            yield from self._build_answer_rules(role, arrival)
        if self._blueprint.find_key(role) in self._has_python:
            yield from self._build_confinement_rules(role)

    def _has_health_check(self, role: str) -> bool:
        return bool(self._settings.roles[role].health or self._blueprint.find_image(role).health_check)

    def _find_waiver(self, role: str) -> str:
        return "" if self._settings.roles[role].read_only else f"roles.{role}.read_only is false"

    def _build_confinement_rules(self, role: str) -> Iterator[Rule]:
        """Yield the rules on what the processes of a role may do; `works` does not confine them, and demands none."""
        runs = self._name_running(role)
        users = () if self._settings.roles[role].user else (self._title_image(role, NON_ROOT),)
        rules = [self._build_rule(role, "uid", partial(hardening.uid, role=role), runs, *users)]
        if self._is_hardened:
            holds = partial(hardening.holds_no_privileges, role=role)
            rules.append(self._build_rule(role, "holds-no-privileges", holds, runs))
            holds = partial(hardening.root_filesystem_is_read_only, role=role)
            rule = self._build_rule(role, "root-filesystem-is-read-only", holds, runs)
            rules.append(replace(rule, waived=self._find_waiver(role)))
        serves = f"{role} live" if role in self._settings.api_names else runs
        holds = partial(hardening.listens_where_declared, role=role)
        rules.append(self._build_rule(role, "listens-where-declared", holds, serves))
        yield from (replace(rule, demanded_by="hardened") for rule in rules)

    def _build_answer_rules(self, role: str, arrival: Arrival) -> Iterator[Rule]:
        """Yield the rules on what an API answers before any probe has sent it data."""

        def live(stack: Stack) -> str:
            return api.live(stack, arrival.wait(stack), role)

        def ready(stack: Stack) -> str:
            return api.ready(stack, arrival.wait(stack), role)

        yield self._build_rule(role, "live", live, self._name_running(role))
        yield self._build_rule(role, "ready", ready, f"{role} live")
        path = self._settings.get_api(role).openapi
        if path:
            holds = partial(api.serves_openapi, role=role, path=path)
            yield replace(self._build_rule(role, "serves-openapi", holds, f"{role} live"), demanded_by="hardened")
            holds = partial(api.answers_every_get, role=role, path=path)
            rule = self._build_rule(role, "answers-every-get", holds, f"{role} serves-openapi", f"{role} ready")
            yield replace(rule, demanded_by="hardened")

    def _build_work_rules(self, role: str) -> Iterator[Rule]:
        """Yield the rules on a role at work, apart from what it answers."""
        kind = self._settings.roles[role].kind
        match kind:
            case "worker":
                yield from self._build_worker_rules(role)
            case "beat":
                workers = [self._name_serving(name) for name in self._settings.worker_names]
                holds = partial(beat.sends_a_job, role=role)
                yield self._build_rule(role, "sends-a-job", holds, self._name_running(role), *workers)
            case "api" | "other":
                pass
            case _:
                assert_never(kind)

    def _build_worker_rules(self, role: str) -> Iterator[Rule]:
        worker, line = self._settings.get_worker(role), self._blueprint.build_command_line(role)
        needs = (self._name_running(role), *(f"stack {name}-starts" for name in self._settings.services))
        rule = self._build_rule(role, "ready", partial(worker_rules.ready, role=role), *needs)
        yield replace(rule, moot_after=(f"{role} becomes-healthy",))
        if worker.jobs:
            holds = partial(worker_rules.registers_its_jobs, role=role, jobs=worker.jobs)
            yield self._build_rule(role, "registers-its-jobs", holds, f"{role} ready")
        if worker_rules.list_queues(self._settings, role, line) or len(self._settings.worker_names) > 1:
            holds = partial(worker_rules.takes_jobs_from_its_queues, role=role)
            yield self._build_rule(role, "takes-jobs-from-its-queues", holds, f"{role} ready")

    def _build_probe_rules(self) -> Iterator[Rule]:
        settings = self._settings
        workers = settings.worker_names
        for probe in settings.smoke.probes:
            asked = settings.find_api_for(probe.role)
            used = (asked,) if probe.role in settings.api_names else (asked, *workers)
            needs = [f"{role} ready" for role in used] + [
                f"{role} registers-its-jobs" for role in used if role in workers
            ]
            rule = self._build_rule(probe.role, probe.rule, partial(probe_rules.holds, probe=probe), *needs)
            yield replace(rule, uses=used, log_of=probe_rules.find_log_of(settings, probe))

    def _build_rules_before_the_end(self, role: str) -> Iterator[Rule]:
        """Yield the rules on what a role has done until it is told to stop."""
        runs = self._name_running(role)
        yield self._build_rule(role, KEEPS_RUNNING, partial(shutdown.keeps_running, role=role), runs)
        if not self._is_hardened:
            rule = self._build_rule(role, _READ_ONLY_ROOT, partial(hardening.writes_where_allowed, role=role), runs)
            yield replace(rule, uses=(), demanded_by="hardened", waived=self._find_waiver(role))

    def _build_end_rules(self, role: str) -> Iterator[Rule]:
        """Yield the rules on how a role ends."""
        runs, serves = self._name_running(role), self._name_serving(role)
        is_worker = role in self._settings.worker_names
        needs = (serves, f"{role} registers-its-jobs") if is_worker else (serves,)
        if slow_job := self._find_slow_job(role):
            result = self._settings.get_worker(role).job_result
            # An API that may have sent jobs ends after all workers, but need not wait until the last has cleaned up.
            is_last = role == self._list_in_order_of_ends()[-len(self._settings.api_names) - 1]
            holds = partial(
                shutdown.finishes_running_job,
                role=role,
                slow_job=slow_job,
                job_result=result,
                beside=self._begin_idle if is_last else None,
                meanwhile=self._in_flight.begin if is_last and self._in_flight else None,
            )
            yield self._build_rule(role, "finishes-running-job-on-sigterm", holds, *needs)
            return
        if self._in_flight and self._in_flight.role == role:
            yield self._build_rule(role, "finishes-request-in-flight", self._in_flight.wait, serves)
        needs = (runs,) if role in self._settings.api_names else needs
        # Where none is to be measured by itself, it takes less time to stop all at once that nobody needs any more.
        others = [name for name in self._settings.roles if name not in self._settings.api_names]
        together = () if self._is_hardened else tuple(name for name in others if not self._find_slow_job(name))
        holds = partial(shutdown.stops_on_sigterm, role=role, together=together)
        yield self._build_rule(role, "stops-on-sigterm", holds, *needs)

    def _begin_idle(self, stack: Stack) -> None:
        """Begin what needs a processor, and no role: the end of a worker needs none for seconds."""
        for key, idle in self._idle.items():
            if stack.observed.interpreters.get(key) and any(map(self._has_health_check, self._checked[key])):
                idle.begin(stack)

    def _find_request_in_flight(self) -> RequestInFlight | None:
        request, role = shutdown.find_request(self._settings.smoke.probes), next(iter(self._settings.api_names), "")
        return RequestInFlight(role, request) if role and request else None

    def _find_slow_job(self, role: str) -> tuple[str, ...] | None:
        return self._settings.get_worker(role).slow_job if role in self._settings.worker_names else None

    def _build_last_rules(self) -> Iterator[Rule]:
        settings = self._settings
        if settings.smoke.stubs:
            needs = tuple(map(self._name_serving, settings.roles))
            yield Rule(role="stack", name="stubs-are-called", holds=stubs.stubs_are_called, needs=needs)
        if settings.smoke.data:
            needs = tuple(map(self._name_running, settings.roles))
            yield Rule(role="stack", name="data-stays-small", holds=data_usage.data_stays_small, needs=needs)
        holds = partial(shutdown.no_error_in_logs, roles=(*settings.roles,))
        started_none = (*self._list_first(), *(f"before {name}" for name in settings.smoke.before))
        yield Rule(role="stack", name="no-error-in-logs", holds=holds, moot_after=started_none)
