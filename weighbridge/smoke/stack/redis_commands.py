"""Sends commands to a service that speaks Redis' protocol, with the password by which the roles reach it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import SplitResult, unquote, urlsplit

from weighbridge.model.services import name_kind
from weighbridge.smoke.stack.containers import Stack

_SECONDS = 10.0


def run(stack: Stack, service: str, *words: str) -> str:
    """Return what the server prints for a command, as text: also its errors, such as `NOAUTH …`.

    Raises:
        EngineFault: The engine cannot run a command in the service's container.
    """
    program = f"{name_kind(stack.settings.services[service].image)}-cli"
    command = (program, *_find_login(stack, service), "--raw", *words)
    return stack.engine.execute(stack.build_name(service), command, _SECONDS).streams.output.strip()


def _find_login(stack: Stack, service: str) -> tuple[str, ...]:
    """Return the options with the password that an address of this service has; empty: no address has one."""
    names = {service, *stack.settings.services[service].aliases}
    for url in _list_addresses(stack):
        if url.hostname in names and url.password:
            user = ("--user", unquote(url.username)) if url.username else ()
            return ("--no-auth-warning", *user, "-a", unquote(url.password))
    return ()


def _list_addresses(stack: Stack) -> Iterator[SplitResult]:
    """Yield the variables of all roles that are URLs."""
    of_roles = (role.environment for role in stack.settings.roles.values())
    for environment in (stack.blueprint.environment, stack.settings.smoke.environment, *of_roles):
        for value in environment.values():
            try:
                if "://" in value:
                    yield urlsplit(value)
            except ValueError:  # no URL after all
                continue
