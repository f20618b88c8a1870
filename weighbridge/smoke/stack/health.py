"""Runs the image's own health check as an engine would, but only when a rule needs its result."""

from __future__ import annotations

from weighbridge.errors import EngineFault
from weighbridge.smoke.stack import exit_reason
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.exit_reason import find_last_line
from weighbridge.smoke.stack.observations import Health

_SECONDS = 30.0
"""How long a health check may print nothing: Docker's default timeout (Dockerfile reference, HEALTHCHECK --timeout), or
as long as a role may take to become healthy if that is longer."""


def check(stack: Stack, container: str, role: str) -> Health | None:
    """Run a health check in a container, as its user; return None if there is no check, or the container has ended.

    Exit code 0 means healthy, any other unhealthy (Dockerfile reference, HEALTHCHECK).

    Args:
        stack: The stack that the container belongs to.
        container: Its name.
        role: The role whose health check to run: the one in the settings if there is one, else the image's.
    """
    command = stack.get_role(role).health or _build_command(stack.blueprint.find_image(role).health_check)
    if not command:
        return None
    limit = max(_SECONDS, stack.settings.smoke.timeout_seconds)
    try:
        result = stack.engine.execute(stack.build_name(container), command, limit)
    except EngineFault as error:
        if not stack.read_state(container).running:
            return None
        return Health(ok=False, output=error.message)  # newer engines: for example, the image has no such program
    if result.code == 0:
        # What it wrote to standard error, such as a warning, is no answer if there is one.
        return Health(ok=True, output=find_last_line(result.streams.output or result.streams.errors))
    cause = exit_reason.find_cause(stack.mask_streams(result.streams), stack.settings.smoke.log_errors)
    return Health(ok=False, output=cause)


def _build_command(test: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command of a health check; its shell form runs in the image's own shell."""
    kind, *words = test or ("NONE",)
    if kind == "NONE":
        return ()
    return ("/bin/sh", "-c", *words) if kind == "CMD-SHELL" else tuple(words)
