"""Reduces Celery's remote control to what only tells: it can neither stop a worker nor change one."""

from __future__ import annotations

from celery.worker.control import Panel  # type: ignore[import-untyped]  # Celery ships no types

_WITH_EFFECTS = frozenset({"hello", "memdump", "memsample", "objgraph"})
"""Celery counts these as inspection, but `hello` takes a list of jobs to revoke, and the others use memory and disk."""


def allow_inspection_alone() -> None:
    """Take away every command that has an effect; the worker answers it as an unknown one."""
    for name, command in dict(Panel.meta).items():
        if command.type != "inspect" or name in _WITH_EFFECTS:
            for spelling in (name, command.alias):
                Panel.data.pop(spelling, None)
