"""Rules on what the processes of a container may do: each returns what it saw, or raises `CheckFailed`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from weighbridge.errors import EngineFault
from weighbridge.settings.roles import ApiRole
from weighbridge.smoke.rule_failed import CheckFailed
from weighbridge.smoke.stack import inside
from weighbridge.smoke.stack.containers import Stack
from weighbridge.smoke.stack.observations import Process

_LOOKS = 5
_TMP = "/tmp"  # noqa: S108 - in there
_SHOWN = 3
_ENGINES_OWN = frozenset(
    {"/run", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab", "/.dockerenv", "/run/.containerenv"}
    | {"/usr/sbin/docker-init", "/sbin/docker-init", "/usr/bin/docker-init", "/dev/init", "/run/podman-init"}
)
"""What engines make or mount in each container."""


def uid(stack: Stack, role: str) -> str:
    """Every process runs as the required user inside the container, and not as root outside of it.

    The kernel says who it is inside, the engine who it is outside. Both numbers may differ: an engine may remap users.
    """
    wanted = _find_wanted_user(stack, role)
    processes, wrong = _look(stack, role, lambda process: {*process.uids} != {wanted})
    if wrong:
        others = ", ".join(str(number) for number in sorted({*wrong.uids} - {wanted}))
        cure = f"roles.{role}.user" if stack.get_role(role).user else "the Dockerfile's USER"
        raise CheckFailed(f"`{wrong.name}` runs as uid {others}, not {wanted}; correct {cure}")
    try:
        outside = stack.engine.list_users(stack.build_name(role))
    except EngineFault:
        outside = frozenset()
    if not outside:
        return f"uid {wanted}, {len(processes)} processes; the engine does not say as which users"
    if 0 in outside:
        raise CheckFailed(f"for the engine, a process of {role} runs as root, though none does inside the container")
    return f"uid {wanted}, {len(processes)} processes; the engine sees {', '.join(map(str, sorted(outside)))}"


def holds_no_privileges(stack: Stack, role: str) -> str:
    """No process has a capability or can gain one, according to the kernel inside the container."""
    processes, wrong = _look(stack, role, lambda process: process.has_capabilities or not process.no_new_privileges)
    if wrong and wrong.has_capabilities:
        raise CheckFailed(f"`{wrong.name}` has capabilities, though all were dropped")
    if wrong:
        raise CheckFailed(f"`{wrong.name}` runs without no-new-privileges, though it was asked for")
    return f"{len(processes)} processes without capabilities, no-new-privileges"


def root_filesystem_is_read_only(stack: Stack, role: str) -> str:
    """The root file system is read-only, and files can be created only in /tmp and the data folder."""
    own = {each.rpartition(":")[2] for each in stack.get_role(role).writable}
    allowed = {_TMP, stack.settings.smoke.data or _TMP, *own}
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


def listens_where_declared(stack: Stack, role: str) -> str:
    """An API listens on its port, and nothing in a container listens anywhere else but on the role's further ports.

    Loopback counts, too: a port can be forwarded to it.
    """
    settings = stack.get_role(role)
    wanted = settings.port if isinstance(settings, ApiRole) else None
    allowed = {("tcp", port) for port in (wanted, *settings.ports) if port}
    listening = inside.probe_once(stack, role).listening
    if wanted and wanted not in {each.port for each in listening}:  # it may not have listened at the first look
        listening = inside.probe(stack, role).listening
    others = [
        f"{each.protocol} {each.address}:{each.port}" for each in listening if (each.protocol, each.port) not in allowed
    ]
    if others:
        known = f" besides {wanted}" if wanted else ", and the role has no port"
        raise CheckFailed(
            f"a process listens on {', '.join(sorted(others))}{known}; switch it off, or list it in roles.{role}.ports"
        )
    if wanted and wanted not in {each.port for each in listening}:
        raise CheckFailed(f"nothing listens on {wanted}; correct roles.{role}.port, or let the role listen there")
    found = sorted({each.port for each in listening})
    return f"only on {', '.join(map(str, found))}" if found else "nowhere"


def writes_where_allowed(stack: Stack, role: str) -> str:
    """The role has changed no file that a read-only root would keep from it; it runs on a writable one here.

    Python's own bytecode does not count: Python runs without writing it.
    """
    allowed = {
        _TMP,
        stack.settings.smoke.data or _TMP,
        *(each.rpartition(":")[2] for each in stack.get_role(role).writable),
    }
    changed = stack.engine.list_changed_files(stack.build_name(role))
    found = [path for path in changed if not _is_expected(path, allowed)]
    if found:
        shown = ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
        raise CheckFailed(
            f"it wrote {shown}, which a read-only root would not let it; write to /tmp, or list the folder in "
            f"roles.{role}.writable"
        )
    return "it wrote only where a read-only root lets it"


def _is_expected(path: str, allowed: Collection[str]) -> bool:
    below = any(f"{path}/".startswith(f"{folder}/") for folder in allowed)
    return below or "/__pycache__" in path or f"{path}/".startswith("/run/weighbridge/") or path in _ENGINES_OWN


def _find_wanted_user(stack: Stack, role: str) -> int:
    """Return the number of the user that a role must run as: its own if the settings give one, else that of all."""
    own = (stack.get_role(role).user or "").partition(":")[0]
    return int(own) if own.isdecimal() and int(own) else stack.settings.smoke.user


def _look(stack: Stack, role: str, is_wrong: Callable[[Process], bool]) -> tuple[Sequence[Process], Process | None]:
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
        stack.pause()
    if not processes:
        raise CheckFailed("the kernel shows no process of the container to its user, so nothing was checked")
    return processes, next(iter(wrong.values()), None)
