"""The image's own health check, run as an engine would, but when we want to know."""

from __future__ import annotations

from weighbridge.errors import EngineFault
from weighbridge.model.smoke import RoleName
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.inside import last_line
from weighbridge.smoke.stack.observations import Health

_SECONDS = 30.0
"""How long a check may be silent: Docker's own default (Dockerfile reference, HEALTHCHECK --timeout)."""


def check(stack: Stack, container: str, role: RoleName) -> Health | None:
    """Run a health check in a container, as its user; None where there is none, or the container ended.

    Exit code 0 is healthy, anything else is not (Docker's reference, HEALTHCHECK).

    Args:
        stack: Where the container is.
        container: Its name.
        role: Whose own check of the settings is run where it has one; else the image's.
    """
    command = stack.role(role).health or _command(stack.health_check)
    if not command:
        return None
    try:
        code, output = stack.engine.execute(stack.name(container), command, _SECONDS)
    except EngineFault as error:
        if not stack.state(container).running:
            return None
        return Health(ok=False, output=error.message)  # such as a program that is not there, on newer engines
    return Health(ok=code == 0, output=last_line(output))


def _command(test: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words to run: the shell form needs the shell that the image has to have for it."""
    kind, *words = test or ("NONE",)
    if kind == "NONE":
        return ()
    return ("/bin/sh", "-c", *words) if kind == "CMD-SHELL" else tuple(words)
