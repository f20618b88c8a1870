"""Rules on what a running container may do: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

from weighbridge.smoke import inside
from weighbridge.smoke.containers import Stack
from weighbridge.smoke.failures import CheckFailed

_WRITABLE = frozenset({"/data", "/tmp"})  # noqa: S108 - in there


def uid(stack: Stack, role: str) -> str:
    """Every process runs as the one user, as the engine's host sees it."""
    wanted = stack.settings.smoke.user
    processes = stack.engine.processes(stack.name(role))
    for number, command in processes:
        if number != wanted:
            raise CheckFailed(f"`{command}` runs as uid {number}, not {wanted}; correct the Dockerfile's USER")
    return f"uid {wanted}, {len(processes)} processes"


def holds_no_privileges(stack: Stack, role: str) -> str:
    """No process holds a capability or can gain one, as the kernel tells inside the container."""
    found = inside.probe(stack, role)
    if found.with_capabilities:
        raise CheckFailed(f"{', '.join(found.with_capabilities)}: capabilities are left, though all were dropped")
    if found.with_new_privileges:
        raise CheckFailed(f"{', '.join(found.with_new_privileges)}: no-new-privileges is not set, though asked for")
    return f"{found.process_count} processes without capabilities, no-new-privileges"


def root_filesystem_is_read_only(stack: Stack, role: str) -> str:
    """Root is mounted read-only, writing to it fails, and no other place than /tmp and /data takes a file."""
    found = inside.probe(stack, role)
    at_root = found.writes["/"]
    if at_root == "written" or not found.root_is_read_only:
        raise CheckFailed("the root filesystem is mounted for writing, though the container was made read-only")
    written = {folder for folder, outcome in found.writes.items() if outcome == "written"}
    if written - _WRITABLE:
        places = ", ".join(sorted(written - _WRITABLE))
        raise CheckFailed(f"files can be made in {places}; drop that VOLUME from the Dockerfile")
    if _WRITABLE - written:
        missing = ", ".join(
            f"{folder}: {found.writes.get(folder, 'not mounted')}" for folder in sorted(_WRITABLE - written)
        )
        raise CheckFailed(f"no file can be made in {missing}; let the image's user own it")
    return f"writing to / fails with {at_root}; /tmp and /data take files"
