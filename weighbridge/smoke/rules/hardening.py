"""Rules on what a running container may do: each returns what it saw, or raises `CheckFailed`."""

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
    """Every process runs as the one user, as the kernel tells inside, and as nobody's root, as the engine tells.

    Outside, the number may be another one: an engine may remap users.
    """
    wanted = stack.settings.smoke.user
    processes, wrong = _look(stack, role, lambda process: {*process.uids} != {wanted})
    if wrong:
        others = ", ".join(str(number) for number in sorted({*wrong.uids} - {wanted}))
        raise CheckFailed(f"`{wrong.name}` runs as uid {others}, not {wanted}; correct the Dockerfile's USER")
    try:
        outside = stack.engine.users(stack.name(role))
    except EngineFault:
        return f"uid {wanted}, {len(processes)} processes; the engine does not tell users"
    if 0 in outside:
        raise CheckFailed(f"the engine sees a process of {role} that runs as its own root, though inside none does")
    return f"uid {wanted}, {len(processes)} processes; the engine sees {', '.join(map(str, sorted(outside)))}"


def holds_no_privileges(stack: Stack, role: RoleName) -> str:
    """No process holds a capability or can gain one, as the kernel tells inside the container."""
    processes, wrong = _look(stack, role, lambda process: process.has_capabilities or not process.no_new_privileges)
    if wrong and wrong.has_capabilities:
        raise CheckFailed(f"`{wrong.name}`: capabilities are left, though all were dropped")
    if wrong:
        raise CheckFailed(f"`{wrong.name}`: no-new-privileges is not set, though asked for")
    return f"{len(processes)} processes without capabilities, no-new-privileges"


def root_filesystem_is_read_only(stack: Stack, role: RoleName) -> str:
    """Root is mounted read-only, writing to it fails, and no other place than /tmp and the data folder takes a file."""
    allowed = {_TMP, stack.settings.smoke.data or _TMP}
    found = inside.found(stack, role)
    at_root = found.writes["/"]
    if at_root == "written" or not found.root_is_read_only:
        raise CheckFailed("the root filesystem is mounted for writing, though the container was made read-only")
    written = {folder for folder, outcome in found.writes.items() if outcome == "written"}
    if written - allowed:
        places = ", ".join(sorted(written - allowed))
        raise CheckFailed(f"files can be made in {places}; drop that VOLUME from the Dockerfile")
    if allowed - written:
        missing = ", ".join(
            f"{folder}: {found.writes.get(folder, 'not mounted')}" for folder in sorted(allowed - written)
        )
        raise CheckFailed(f"no file can be made in {missing}; let the image's user own it")
    return f"writing to / fails with {at_root}; {' and '.join(sorted(allowed, reverse=True))} take files"


def listens_where_declared(stack: Stack, role: RoleName) -> str:
    """Nothing in the container listens but the API on its port; loopback counts too: it is one forward away."""
    wanted = stack.settings.roles.api.port if role == API else None
    others = [
        f"{each.protocol} {each.address}:{each.port}"
        for each in inside.found(stack, role).listening
        if (each.protocol, each.port) != ("tcp", wanted)
    ]
    if others:
        known = f" besides {wanted}" if wanted else ", where a worker needs no port"
        raise CheckFailed(f"something listens on {', '.join(sorted(others))}{known}; switch it off")
    return f"only on {wanted}" if wanted else "nowhere"


def _look(
    stack: Stack, role: RoleName, is_wrong: Callable[[Process], bool]
) -> tuple[Sequence[Process], Process | None]:
    """Return all processes, and one that is wrong at every look.

    What the engine is just starting in there, as for a command, has the engine's own rights for a moment.
    """
    processes: Sequence[Process] = ()
    wrong: Mapping[tuple[int, int], Process] = {}
    for look in range(_LOOKS):
        processes = (inside.probe if look else inside.found)(stack, role).processes
        found = {(process.pid, process.started): process for process in processes if is_wrong(process)}
        wrong = {key: process for key, process in found.items() if look == 0 or key in wrong}
        if not wrong:
            break
        stack.interruption.pause()
    return processes, next(iter(wrong.values()), None)
