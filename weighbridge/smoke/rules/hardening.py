"""Rules on what the processes of a container may do: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from weighbridge.errors import EngineFault
from weighbridge.model.smoke import RoleName
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import inside
from weighbridge.smoke.stack.containers import API, Stack
from weighbridge.smoke.stack.observations import Process

_LOOKS = 5
_TMP = "/tmp"  # noqa: S108 - in there


def uid(stack: Stack, role: RoleName) -> str:
    """Every process runs as the required user inside the container, and not as root outside of it.

    The kernel says who it is inside, the engine who it is outside. Both numbers may differ: an engine may remap users.
    """
    wanted = stack.settings.smoke.user
    processes, wrong = _look(stack, role, lambda process: {*process.uids} != {wanted})
    if wrong:
        others = ", ".join(str(number) for number in sorted({*wrong.uids} - {wanted}))
        raise CheckFailed(f"`{wrong.name}` runs as uid {others}, not {wanted}; correct the Dockerfile's USER")
    try:
        outside = stack.engine.list_users(stack.build_name(role))
    except EngineFault:
        outside = frozenset()
    if not outside:
        return f"uid {wanted}, {len(processes)} processes; the engine does not say as which users"
    if 0 in outside:
        raise CheckFailed(f"for the engine, a process of {role} runs as root, though none does inside the container")
    return f"uid {wanted}, {len(processes)} processes; the engine sees {', '.join(map(str, sorted(outside)))}"


def holds_no_privileges(stack: Stack, role: RoleName) -> str:
    """No process has a capability or can gain one, according to the kernel inside the container."""
    processes, wrong = _look(stack, role, lambda process: process.has_capabilities or not process.no_new_privileges)
    if wrong and wrong.has_capabilities:
        raise CheckFailed(f"`{wrong.name}` has capabilities, though all were dropped")
    if wrong:
        raise CheckFailed(f"`{wrong.name}` runs without no-new-privileges, though it was asked for")
    return f"{len(processes)} processes without capabilities, no-new-privileges"


def root_filesystem_is_read_only(stack: Stack, role: RoleName) -> str:
    """The root file system is read-only, and files can be created only in /tmp and the data folder."""
    allowed = {_TMP, stack.settings.smoke.data or _TMP}
    found = inside.probe_once(stack, role)
    at_root = found.writes["/"]
    if at_root == "written" or not found.root_is_read_only:
        raise CheckFailed("the root filesystem is writable, though the container was created with a read-only one")
    written = {folder for folder, outcome in found.writes.items() if outcome == "written"}
    if written - allowed:
        places = ", ".join(sorted(written - allowed))
        raise CheckFailed(f"files can be created in {places}; remove that VOLUME from the Dockerfile")
    if allowed - written:
        missing = ", ".join(
            f"{folder}: {found.writes.get(folder, 'not mounted')}" for folder in sorted(allowed - written)
        )
        raise CheckFailed(f"no file can be created in {missing}; let the image's user own it")
    return f"writing to / fails with {at_root}; {' and '.join(sorted(allowed, reverse=True))} take files"


def listens_where_declared(stack: Stack, role: RoleName) -> str:
    """Nothing in the container listens but the API on its port. Loopback counts, too: a port can be forwarded to it."""
    wanted = stack.settings.roles.api.port if role == API else None
    listening = inside.probe_once(stack, role).listening
    others = [
        f"{each.protocol} {each.address}:{each.port}"
        for each in listening
        if (each.protocol, each.port) != ("tcp", wanted)
    ]
    if others:
        known = f" besides {wanted}" if wanted else ", where a worker needs no port"
        raise CheckFailed(f"a process listens on {', '.join(sorted(others))}{known}; switch it off")
    return f"only on {wanted}" if wanted and listening else "nowhere"


def _look(
    stack: Stack, role: RoleName, is_wrong: Callable[[Process], bool]
) -> tuple[Sequence[Process], Process | None]:
    """Return all processes, and one that is wrong each time we look; None if there is no such process.

    One look is not enough: a process that the engine is just starting in there has the engine's own rights for a
    moment.
    """
    processes: Sequence[Process] = ()
    wrong: Mapping[tuple[int, int], Process] = {}
    for look in range(_LOOKS):
        processes = (inside.probe if look else inside.probe_once)(stack, role).processes
        found = {(process.pid, process.started): process for process in processes if is_wrong(process)}
        wrong = {key: process for key, process in found.items() if look == 0 or key in wrong}
        if not wrong:
            break
        stack.interruption.pause()
    if not processes:
        raise CheckFailed("the kernel shows no process of the container to its user, so nothing was checked")
    return processes, next(iter(wrong.values()), None)
