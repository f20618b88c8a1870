"""Rules on how containers start: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from weighbridge.engine.inspect import parse_time
from weighbridge.errors import EngineFault
from weighbridge.model.engine import ContainerState
from weighbridge.model.smoke import RoleName
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import exit_reason, health, inside
from weighbridge.smoke.stack.containers import API, CLIENT, INTERPRETERS, WAITING, WORKER, Stack
from weighbridge.smoke.stack.observations import Health

_MOMENT_SECONDS = 2.0
_NO_SUCH_PROGRAM = frozenset({126, 127})
_READ_ONLY = re.compile(r"Read-only file system|\bEROFS\b")
_SCHEDULE = re.compile(r"Removing corrupted schedule file|Error\b.*\bcelerybeat-schedule")
"""What Celery's beat logs if it cannot open its schedule. Since Python 3.13 the error does not say why: SQLite, which
keeps the schedule, only says that it is unable to open the file."""
_QUOTED_CHARACTERS = 300
_NO_THREAD = re.compile(r"can't start new thread|Resource temporarily unavailable|\bEAGAIN\b")
"""How programs report that they may start no more threads or processes."""
_NO_LIBRARY = re.compile(
    r"(lib[\w.+-]+)(?:: cannot open shared object file| library not found)|Error loading shared library (lib[^\s:]+):"
)
"""How glibc, `psycopg` and musl name a shared library that a program asks for while it runs."""
_DETACHES = re.compile(r"--detach|--daemon(?:ize)?|-D")
"""Options of Celery, gunicorn and other servers that start the server in the background and end at once."""
_NO_PROGRAM = re.compile(
    r"sh: (?:(?:line )?\d+: )?(\S+): (?:command )?not found$|exec: \"([^\"]+)\": .*(?:not found|no such file)"
)
"""How shells and engines name a program that is missing."""
_READY = " ready."
"""The end of the message that Celery logs when a worker begins to take jobs."""
_ASK_FOR = {
    API: "let it ask the API, as for /livez",
    WORKER: "let it look for the worker's sign of life, such as a file that each heartbeat touches",
}


def has_python(stack: Stack) -> str:
    """The image has a Python interpreter, which our scripts need. The client's container starts here, and stays."""
    reason = ""
    for name in INTERPRETERS:
        try:
            stack.start(CLIENT, entrypoint=(name, *WAITING))
            found = inside.check_version(stack, CLIENT)
        except (EngineFault, CheckFailed) as error:
            reason = str(error.message if isinstance(error, EngineFault) else error)
            stack.engine.remove_container(stack.build_name(CLIENT))
        else:
            stack.observed.interpreter = name
            return found
    raise CheckFailed(f"no {' or '.join(INTERPRETERS)} starts from the image's PATH: {reason}")


def starts(
    stack: Stack, role: RoleName, container: str = "", on_start: Callable[[Stack], None] = lambda _: None
) -> str:
    """The role's command starts, and runs until it is healthy or the time is up.

    If there is no health check, it must run for a moment. What is returned names the limits that the engine cannot
    enforce.

    Args:
        stack: The stack to start it in.
        role: The role to start.
        container: The container's name; empty: that of the role.
        on_start: Called as soon as the container has started.
    """
    container = container or role
    try:
        created = stack.start(role, container)
    except EngineFault as error:
        raise CheckFailed(f"{error.message}; correct {_name_command(role)}") from error
    on_start(stack)
    state = _wait_until_settled(stack, container, role)
    if not state.running and not _has_failed_on_read_only_root(stack, container):
        raise CheckFailed(_describe_end(stack, role, container, state))
    unheld = " ".join(warning for warning in created.warnings if "discarded" in warning)
    name = stack.build_name(container)
    return f"{name}; limits not enforced by this engine: {unheld}" if unheld else name


def runs_on_read_only_root(stack: Stack, role: RoleName) -> str:
    """The role runs although its root filesystem is read-only.

    So does each part of it, such as the scheduler that a Celery worker starts with `-B`.
    """
    state = stack.read_state(role)
    lines = stack.read_log(role, None).splitlines()
    if schedule := next((line for line in reversed(lines) if _SCHEDULE.search(line)), ""):
        raise CheckFailed(
            f"Celery's beat cannot write its schedule: {schedule.strip()[:_QUOTED_CHARACTERS]}; "
            f"add --schedule /tmp/celerybeat-schedule to {_name_command(role)}"
        )
    place = next((line.strip() for line in lines if _READ_ONLY.search(line)), "see its log")[:_QUOTED_CHARACTERS]
    cure = f"write only to {' or '.join(filter(None, ('/tmp', stack.settings.smoke.data)))}"  # noqa: S108 - in there
    if not state.running:
        raise CheckFailed(f"exited with code {state.exit_code}: {place}; {cure}")
    ended = [exit_reason.find_exception(lines, at) for at in exit_reason.find_tracebacks(lines)]
    if failed := next((exception for exception in ended if _READ_ONLY.search(exception)), ""):
        raise CheckFailed(f"a part of it failed: {failed[:_QUOTED_CHARACTERS]}; {cure}")
    return "running"


def becomes_healthy(stack: Stack, role: RoleName) -> str:
    """The role's health check passes in time; the rule `starts` has waited for it."""
    state, limit = stack.read_state(role), stack.settings.smoke.timeout_seconds
    if not state.running:
        raise CheckFailed(_describe_end(stack, role, role, state))
    found = stack.observed.healths.get(role)
    if found is None:
        raise CheckFailed("there is no health check")
    if not found.ok:
        if missing := _NO_PROGRAM.search(found.output):
            raise CheckFailed(
                f"its health check runs {missing[1] or missing[2]}, which the image does not have; install that in the "
                f"final stage, or check with a program that the image has, such as {_suggest_check(stack, role)}"
            )
        error = stack.find_error(role)
        log = f"its log says: {error}; " if error and error != found.output else ""
        raise CheckFailed(
            f"not healthy after {limit:g} s, its health check says: {found.output}; {log}"
            "fix what it reports or raise smoke.timeout_seconds"
        )
    return f"its health check says: {found.output}"


def health_check_can_fail(stack: Stack) -> str:
    """Each role's health check fails in a container where that role does not run: one that cannot fail is useless."""
    found = {role: _check_idle_health(stack, role) for role in (API, WORKER)}
    said = {role: health for role, health in found.items() if health}
    if not said:
        raise CheckFailed("there is no health check")
    lies = [role for role, health in said.items() if health.ok]
    if lies:
        nothing = f"no {lies[0]} runs" if len(lies) == 1 else f"neither {' nor '.join(lies)} runs"
        raise CheckFailed(
            f"the health check passes where {nothing}: in a container with the role's command line and environment "
            f"that only waits; {_ASK_FOR[lies[0]]}"
        )
    return "; ".join(f"where no {role} runs: {health.output}" for role, health in said.items())


def note_worker_start(stack: Stack, worker: str) -> None:
    """Store how long after its start the worker logged that it takes jobs, by the engine's clock."""
    log = stack.engine.read_log(stack.build_name(worker), None, times=True)
    line = next((line for line in log.splitlines() if _READY in line), "")
    ready = parse_time(line.partition(" ")[0])
    started = stack.read_state(worker).started_at
    if ready and started:
        stack.observed.worker_ready_seconds = ready - started


def _check_idle_health(stack: Stack, role: RoleName) -> Health | None:
    """Return the result of a role's health check in a container that equals the role's, but only waits.

    The command line of its process 1 contains that of the role, because a health check may read there which role it is
    in.
    """
    container = f"idle-{role}"
    try:
        stack.start(
            role, container, entrypoint=(stack.interpreters[0], *WAITING), command=stack.build_command_line(role)
        )
        found = health.check(stack, container, role)
        if found is None and not stack.read_state(container).running:
            why = exit_reason.find_cause(stack.read_streams(container), stack.settings.smoke.log_errors)
            raise CheckFailed(f"a container of {role} that only waits has ended, so nothing was checked: {why}")
        return found
    finally:
        stack.engine.remove_container(stack.build_name(container))


def _wait_until_settled(stack: Stack, container: str, role: RoleName) -> ContainerState:
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
        enough = waited > _MOMENT_SECONDS if found is None else found.ok
        if enough or not state.running or waited > limit:
            return state
        pause_until = 2 * time.monotonic() - asked  # pause as long as the check took, which needs a processor, too
        while time.monotonic() < pause_until:
            stack.interruption.pause()


def _has_failed_on_read_only_root(stack: Stack, container: str) -> bool:
    log = stack.read_log(container, exit_reason.LINES)
    return bool(_READ_ONLY.search(log) or _SCHEDULE.search(log))


def _suggest_check(stack: Stack, role: RoleName) -> str:
    """Return a health check that runs wherever the role itself does."""
    if role == WORKER:
        return "`celery --app … inspect ping`"
    url = f"http://127.0.0.1:{stack.settings.roles.api.port}{stack.settings.roles.api.live}"
    return f"`{stack.interpreters[0]} -c \"import urllib.request; urllib.request.urlopen('{url}')\"`"


def _describe_end(stack: Stack, role: RoleName, container: str, state: ContainerState) -> str:
    if state.out_of_memory:
        return f"exited because it {stack.describe_out_of_memory(role)}"
    words = " ".join(stack.build_command_line(role)).split()
    option = next(filter(_DETACHES.fullmatch, words), "")
    if state.exit_code == 0 and option:
        return (
            f"{option} sent it to the background: the container's main process exited at once, with code 0, and the "
            f"container ended with it; leave {option} out of {_name_command(role)}, so that it runs in the foreground"
        )
    log = stack.read_streams(container, exit_reason.LINES)
    why = exit_reason.find_reason(log, stack.settings.smoke.log_errors)
    cure = _find_cure(stack, role, state, f"{log.errors}\n{log.output}")
    return f"exited with code {state.exit_code} before it was healthy: {why}; {cure}"


def _find_cure(stack: Stack, role: RoleName, state: ContainerState, log: str) -> str:
    """Return what to do about a role that has ended, by its log and its exit code."""
    if _NO_THREAD.search(log):
        return f"raise roles.{role}.processes, which is {stack.get_role(role).processes}, or let it start with fewer"
    if library := _NO_LIBRARY.search(log):
        return f"install the package that has {library[1] or library[2]} in the final stage"
    # If the program does not exist, the engine's init, which starts it, logs that and exits with 126 or 127.
    if state.exit_code in _NO_SUCH_PROGRAM:
        return f"correct {_name_command(role)} and PATH"
    background = "if it went to the background, let it run in the foreground; " if state.exit_code == 0 else ""
    return f"{background}see its log"


def _name_command(role: RoleName) -> str:
    return f"roles.{role}.command or the image's CMD"
