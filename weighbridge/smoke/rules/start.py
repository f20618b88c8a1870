"""Rules on how containers start: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from weighbridge.engine.inspect import parse_time
from weighbridge.errors import EngineFault
from weighbridge.model.container import ContainerState
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import endings, exit_reason, health, inside
from weighbridge.smoke.stack.blueprint import INTERPRETERS, WAITING
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.endings import name_command
from weighbridge.smoke.stack.observations import Health, Moment

_MOMENT_SECONDS = {"works": 0.5, "hardened": 2.0}
"""How long a role without a health check has to run before other rules ask it. On a read-only root, what ends it should
have ended it by then; if it ends later, that is noticed, too."""
_READ_ONLY = re.compile(r"Read-only file system|\bEROFS\b")
_SCHEDULE = re.compile(r"Removing corrupted schedule file|Error\b.*\bcelerybeat-schedule")
"""What Celery's beat logs if it cannot open its schedule. Since Python 3.13 the error does not say why: SQLite, which
keeps the schedule, only says that it is unable to open the file."""
_QUOTED_CHARACTERS = 300
_NO_PROGRAM = re.compile(
    r"sh: (?:(?:line )?\d+: )?(\S+): (?:command )?not found$|exec: \"([^\"]+)\": .*(?:not found|no such file)"
)
"""How shells and engines name a program that is missing."""
_READY = " ready."
"""The end of the message that Celery logs when a worker begins to take jobs."""
_PAUSES = 3
_ASK_FOR = {
    "api": "let it ask the API, as for /livez",
    "worker": "let it look for the worker's sign of life, such as a file that each heartbeat touches",
}


def has_python(stack: Stack, key: str) -> str:
    """The image has a Python interpreter, which our scripts need. The client's container starts here, and stays."""
    reason, client = "", stack.blueprint.name_client(key)
    for name in INTERPRETERS:
        try:
            stack.start(client, entrypoint=(name, *WAITING))
            found = inside.check_version(stack, client)
        except (EngineFault, CheckFailed) as error:
            reason = str(error.message if isinstance(error, EngineFault) else error)
            stack.engine.remove_container(stack.build_name(client))
        else:
            stack.observed.interpreters[key] = name
            return found
    raise CheckFailed(f"no {' or '.join(INTERPRETERS)} starts from the image's PATH: {reason}")


OnStart = Mapping[str, Callable[[Stack], None]]
"""Role -> what to call as soon as its container has started."""
_NOTHING: OnStart = {}


def starts(stack: Stack, role: str, container: str = "", on_start: OnStart = _NOTHING) -> str:
    """The role's command starts, and runs until it is healthy or the time is up.

    If there is no health check, it must run for a moment. What is returned names the limits that the engine cannot
    enforce.

    Args:
        stack: The stack to start it in.
        role: The role to start; it may have been started before.
        container: The container's name; empty: that of the role.
        on_start: What to call.
    """
    container = container or role
    if container not in stack.observed.began:
        _start(stack, role, container, on_start)
    if container == role:
        _start_waiting(stack, on_start)
    state = _wait_until_settled(stack, container, role)
    if not state.running and not _has_failed_on_read_only_root(stack, container):
        raise CheckFailed(endings.describe(stack, role, state, container))
    if container == role:
        stack.observed.settled[role] = Moment.now()
        if state.running:
            stack.observed.watched.add(role)
    unheld = " ".join(each for each in stack.observed.warnings[container] if "discarded" in each)
    name = stack.build_name(container)
    return f"{name}; limits not enforced by this engine: {unheld}" if unheld else name


def _start(stack: Stack, role: str, container: str, on_start: OnStart) -> None:
    began = time.monotonic()
    try:
        stack.observed.warnings[container] = stack.start(role, container).warnings
        stack.observed.began[container] = began
    except EngineFault as error:
        raise CheckFailed(f"{error.message}; correct {name_command(role)}") from error
    if role in on_start:
        on_start[role](stack)


def _start_waiting(stack: Stack, on_start: OnStart) -> None:
    """Start all roles that have not been started and need not wait for another one: it takes less time at once."""
    for role, settings in stack.settings.roles.items():
        if role not in stack.observed.began and {*settings.after} <= stack.observed.settled.keys():
            with suppress(CheckFailed):  # its own rule tries again, and says so
                try:
                    _start(stack, role, role, on_start)
                except CheckFailed:
                    stack.engine.remove_container(stack.build_name(role))
                    raise


def runs_on_read_only_root(stack: Stack, role: str) -> str:
    """The role runs although its root filesystem is read-only.

    So does each part of it, such as the scheduler that a Celery worker starts with `-B`.
    """
    state = stack.read_state(role)
    lines = stack.read_log(role, None).splitlines()
    if schedule := next((line for line in reversed(lines) if _SCHEDULE.search(line)), ""):
        raise CheckFailed(
            f"Celery's beat cannot write its schedule: {schedule.strip()[:_QUOTED_CHARACTERS]}; "
            f"add --schedule /tmp/celerybeat-schedule to {name_command(role)}"
        )
    place = next((line.strip() for line in lines if _READ_ONLY.search(line)), "see its log")[:_QUOTED_CHARACTERS]
    cure = f"write only to {' or '.join(filter(None, ('/tmp', stack.settings.smoke.data)))}"  # noqa: S108 - in there
    if not state.running:
        raise CheckFailed(f"exited with code {state.exit_code}: {place}; {cure}")
    ended = [exit_reason.find_exception(lines, at) for at in exit_reason.find_tracebacks(lines)]
    if failed := next((exception for exception in ended if _READ_ONLY.search(exception)), ""):
        raise CheckFailed(f"a part of it failed: {failed[:_QUOTED_CHARACTERS]}; {cure}")
    return "running"


def becomes_healthy(stack: Stack, role: str) -> str:
    """The role's health check passes in time; the rule `starts` has waited for it."""
    state, limit = stack.read_state(role), stack.settings.smoke.timeout_seconds
    if not state.running:
        raise CheckFailed(endings.describe(stack, role, state))
    found = stack.observed.healths.get(role)
    if found is None:
        raise CheckFailed("there is no health check")
    if not found.ok:
        if missing := _NO_PROGRAM.search(found.output):
            raise CheckFailed(
                f"its health check runs {missing[1] or missing[2]}, which the image does not have; install that in the "
                f"final stage, or check with a program that the image has, such as {_suggest_check(stack, role)}"
            )
        error, last = stack.find_error(role), exit_reason.find_last_line(stack.read_log(role))
        log = f"its log says: {error}; " if error and error != found.output else ""
        log = log or (f"its log ends: {last}; " if last not in {exit_reason.NOTHING, found.output} else "")
        raise CheckFailed(
            f"not healthy after {limit:g} s, its health check says: {found.output}; {log}"
            "fix what it reports or raise smoke.timeout_seconds"
        )
    return f"its health check says: {found.output}"


def health_check_can_fail(stack: Stack, roles: Sequence[str]) -> str:
    """Each role's health check fails in a container where that role does not run: one that cannot fail is useless."""
    with ThreadPoolExecutor(len(roles)) as pool:
        found = dict(zip(roles, pool.map(partial(_check_idle_health, stack), roles), strict=True))
    said = {role: health for role, health in found.items() if health}
    if not said:
        raise CheckFailed("there is no health check")
    lies = [role for role, health in said.items() if health.ok]
    if lies:
        nothing = f"no {lies[0]} runs" if len(lies) == 1 else f"neither {' nor '.join(lies)} runs"
        cure = _ASK_FOR.get(stack.settings.roles[lies[0]].kind, "let it ask what the role does")
        raise CheckFailed(
            f"the health check passes where {nothing}: in a container with the role's command line and environment "
            f"that only waits; {cure}"
        )
    return "; ".join(f"where no {role} runs: {health.output}" for role, health in said.items())


def note_worker_start(stack: Stack, worker: str) -> None:
    """Store how long after its start the worker logged that it takes jobs, by the engine's clock."""
    log = stack.engine.read_log(stack.build_name(worker), None, times=True)
    line = next((line for line in log.splitlines() if _READY in line), "")
    ready = parse_time(line.partition(" ")[0])
    started = stack.read_state(worker).started_at
    if ready and started:
        stack.observed.ready_seconds[worker] = ready - started


def _check_idle_health(stack: Stack, role: str) -> Health | None:
    """Return the result of a role's health check in a container that equals the role's, but only waits.

    The command line of its process 1 contains that of the role, because a health check may read there which role it is
    in.
    """
    container = f"idle-{role}"
    try:
        stack.start(
            role,
            container,
            entrypoint=(stack.get_interpreters(role)[0], *WAITING),
            command=stack.build_command_line(role),
        )
        found = health.check(stack, container, role)
        if found is None and not stack.read_state(container).running:
            why = exit_reason.find_cause(stack.read_streams(container), stack.settings.smoke.log_errors)
            raise CheckFailed(f"a container of {role} that only waits has ended, so nothing was checked: {why}")
        return found
    finally:
        stack.engine.remove_container(stack.build_name(container))


def _wait_until_settled(stack: Stack, container: str, role: str) -> ContainerState:
    """Return the container's state once it is healthy or has ended, or the time is up.

    The health check may fail on the way. If there is none, the container must run for a moment.
    """
    begin, limit = time.monotonic(), stack.settings.smoke.timeout_seconds
    while True:
        asked = time.monotonic()
        found = health.check(stack, container, role)
        if found:
            stack.observed.healths[container] = found
        state, waited = stack.read_state(container), time.monotonic() - begin
        ran = time.monotonic() - stack.observed.began[container]
        enough = ran > _MOMENT_SECONDS[stack.settings.smoke.profile] if found is None else found.ok
        if enough or not state.running or waited > limit:
            return state
        _pause_until_next_check(stack, container, role, time.monotonic() - asked)


def _pause_until_next_check(stack: Stack, container: str, role: str, seconds: float) -> None:
    """Pause three times as long as the last check took: it needs a processor, and so does the start that it waits for.

    As soon as a worker logs that it takes jobs, the next check is worth while.
    """
    pause_until = time.monotonic() + _PAUSES * seconds
    is_worker = role in stack.settings.worker_names
    had_begun = is_worker and _READY in stack.read_log(container)
    while time.monotonic() < pause_until:
        stack.pause()
        if is_worker and not had_begun and _READY in stack.read_log(container):
            return


def _has_failed_on_read_only_root(stack: Stack, container: str) -> bool:
    log = stack.read_log(container, exit_reason.LINES)
    return bool(_READ_ONLY.search(log) or _SCHEDULE.search(log))


def _suggest_check(stack: Stack, role: str) -> str:
    """Return a health check that runs wherever the role itself does."""
    if role not in stack.settings.api_names:
        return "`celery --app … inspect ping`"
    api = stack.settings.get_api(role)
    url = f"http://127.0.0.1:{api.port}{api.live}"
    return f"`{stack.get_interpreters(role)[0]} -c \"import urllib.request; urllib.request.urlopen('{url}')\"`"
