"""Rules on how a container starts: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

import time

from weighbridge.containers import ContainerState
from weighbridge.errors import EngineFault
from weighbridge.smoke.containers import Stack
from weighbridge.smoke.failures import CheckFailed
from weighbridge.smoke.inside import last_line

_MOMENT_SECONDS = 2.0


def runs_as_non_root(stack: Stack) -> str:
    """The image's own user is a number, and not 0: an orchestrator can only judge a number."""
    user = stack.engine.image(stack.image).user
    name = user.partition(":")[0]
    if not name.isdigit():
        what = f"names its user {name!r}" if name else "names no user, so it runs as root"
        raise CheckFailed(f"the image {what}; end its Dockerfile with `USER {_user(stack)}`")
    if int(name) == 0:
        raise CheckFailed(f"the image runs as root; end its Dockerfile with `USER {_user(stack)}`")
    return f"user {user}"


def starts(stack: Stack, role: str) -> str:
    """The engine can start the role's command; where it cannot hold it to its limits, that is told."""
    try:
        created = stack.start(role)
    except EngineFault as error:
        raise CheckFailed(f"{error.message}; correct roles.{role}.command or the image's CMD") from error
    unheld = " ".join(warning for warning in created.warnings if "discarded" in warning)
    return f"{stack.name(role)}; limits not enforced by this engine: {unheld}" if unheld else stack.name(role)


def has_health_check(stack: Stack) -> str:
    """The image brings its own health check, so that every engine can tell how it is.

    Where it brings none, the container gets a moment to end: why it did so is the next rule's to tell.
    """
    state = stack.wait("api", lambda state: state.health != "none" or not state.running, _MOMENT_SECONDS)
    if not state.running:
        return "not told, for the container has ended"
    if state.health == "none":
        raise CheckFailed("the image has no health check; give its Dockerfile a HEALTHCHECK that knows both roles")
    return "from the image"


def becomes_healthy(stack: Stack, role: str) -> str:
    """The role's health check passes in time.

    An `unhealthy` on the way is not the end of it: with the short interval of this run the retries are soon used up.
    """
    begin, limit = time.monotonic(), stack.settings.smoke.timeout_seconds
    state = stack.wait(role, lambda state: state.health == "healthy" or not state.running, limit)
    if not state.running:
        raise CheckFailed(_how_it_ended(stack, role, state))
    if state.health != "healthy":
        raise CheckFailed(
            f"not healthy after {limit:g} s, its health check says: {last_line(state.health_output)}; "
            "mend what it reports or raise smoke.timeout_seconds"
        )
    return f"after {time.monotonic() - begin:.1f} s"


def _how_it_ended(stack: Stack, role: str, state: ContainerState) -> str:
    if state.out_of_memory:
        return "exited because its memory limit was reached; it must start with less"
    last = last_line(stack.log(role))
    # An init that the engine puts before the command tells in the log, with 126 or 127, that there is no such program.
    cure = (
        f"correct roles.{role}.command or the image's CMD and PATH" if state.exit_code in {126, 127} else "see its log"
    )
    return f"exited with code {state.exit_code} before it was healthy: {last}; {cure}"


def _user(stack: Stack) -> str:
    number = stack.settings.smoke.user
    return f"{number}:{number}"
