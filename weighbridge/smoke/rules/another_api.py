"""Runs one more API beside the roles, in a container that differs from theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from weighbridge.smoke.rules.revival import find_why_not_live, wait_until
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.http import Client


@contextmanager
def run_another_api(stack: Stack, container: str, otherwise: str, **changes: Any) -> Iterator[Client]:
    """Start one more of the first API, and remove it at the end.

    Args:
        stack: The stack.
        container: Its name, by which the others reach it.
        otherwise: How a message begins on one that does not become live, such as `an API that … is not live`.
        changes: Fields of its `ContainerSpec` that get other values.
    """
    try:
        stack.start(stack.api, container, **changes)
        limit = stack.settings.smoke.timeout_seconds
        wait_until(stack, limit, partial(find_why_not_live, stack, container), otherwise)
        yield Client(stack, stack.api, container)
    finally:
        stack.remove(container)
