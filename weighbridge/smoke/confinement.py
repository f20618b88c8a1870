"""Rules on what a running container may do: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from weighbridge.smoke import inside
from weighbridge.smoke.containers import Stack
from weighbridge.smoke.failures import CheckFailed
from weighbridge.smoke.inside import Process

_LOOKS = 5
_WRITABLE = frozenset({"/data", "/tmp"})  # noqa: S108 - in there


def uid(stack: Stack, role: str) -> str:
    """Every process runs as the one user, whatever number that is outside, where users may be remapped."""
    wanted = stack.settings.smoke.user
    processes, wrong = _look(stack, role, lambda process: {*process.uids} != {wanted})
    if wrong:
        others = ", ".join(str(number) for number in sorted({*wrong.uids} - {wanted}))
        raise CheckFailed(f"`{wrong.name}` runs as uid {others}, not {wanted}; correct the Dockerfile's USER")
    return f"uid {wanted}, {len(processes)} processes"


def holds_no_privileges(stack: Stack, role: str) -> str:
    """No process holds a capability or can gain one, as the kernel tells inside the container."""
    processes, wrong = _look(stack, role, lambda process: process.has_capabilities or not process.no_new_privileges)
    if wrong and wrong.has_capabilities:
        raise CheckFailed(f"`{wrong.name}`: capabilities are left, though all were dropped")
    if wrong:
        raise CheckFailed(f"`{wrong.name}`: no-new-privileges is not set, though asked for")
    return f"{len(processes)} processes without capabilities, no-new-privileges"


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


def _look(stack: Stack, role: str, is_wrong: Callable[[Process], bool]) -> tuple[Sequence[Process], Process | None]:
    """Return all processes, and one that is wrong at every look.

    What the engine is just starting in there, as for a health check, has the engine's own rights for a moment.
    """
    processes: Sequence[Process] = ()
    wrong: Mapping[int, Process] = {}
    for look in range(_LOOKS):
        processes = inside.probe(stack, role).processes
        found = {process.pid: process for process in processes if is_wrong(process)}
        wrong = {pid: process for pid, process in found.items() if look == 0 or pid in wrong}
        if not wrong:
            break
        stack.interruption.pause()
    return processes, next(iter(wrong.values()), None)
