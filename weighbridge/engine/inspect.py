"""Translates between the engine's JSON, which differs between versions and stores, and our values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, get_args

from weighbridge.errors import EngineFault, NoSuchImage
from weighbridge.model.engine import DataRoot, LocalImage
from weighbridge.model.platform import Platform, parse_machine
from weighbridge.model.reference import strip_tag
from weighbridge.model.report import EngineIdentity

if TYPE_CHECKING:  # a report asks for images alone
    from weighbridge.model.container import ContainerSpec, ContainerState, ContainerStatus, HealthStatus

_MAX_LOG = "16m"
"""Maximum size of a container's log: an endless log must not fill the disk, and we read logs into memory."""
_CPU_PERIOD_MICROSECONDS = 100_000
"""The kernel's default period, in which a container may use so many processors' time as it has a limit of."""
_SHORTEST_NANOSECONDS = 10**6
_NO_NAMES = "<none>", "moby-dangling@"
"""What an engine writes in place of a name begins like this; the second is for the containerd store."""
_ADDED_OR_CHANGED = frozenset({0, 1})
"""Kinds of a change (Engine API, `ContainerChanges`): 0 is modified, 1 added, 2 deleted."""


def read_identity(info: dict[str, Any]) -> EngineIdentity:
    """Read `GET /info`."""
    # The status of the driver names the containerd store by its plug-in type.
    drivers = {str(value) for _, value in info.get("DriverStatus") or ()}
    return EngineIdentity(
        version=info.get("ServerVersion", "unknown"),
        store="containerd" if "io.containerd.snapshotter.v1" in drivers else info.get("Driver", "unknown"),
        platform=str(parse_machine(info.get("OSType", "linux"), info.get("Architecture", ""))),
    )


def read_data_root(info: dict[str, Any], host: str) -> DataRoot:
    """Read `GET /info` of the engine at this URL."""
    obstacle = ""
    if not host.startswith(("unix://", "http+unix://")):
        obstacle = "the engine does not answer at a socket of this machine"
    elif any("rootless" in str(option) for option in info.get("SecurityOptions") or ()):
        obstacle = "the engine is rootless"
    return DataRoot(path=str(info.get("DockerRootDir") or ""), store=read_identity(info).store, obstacle=obstacle)


def read_key(first: dict[str, Any], second: dict[str, Any], host: str) -> str:
    """Return a text that tells an engine from others, from two answers to `GET /info`, and its URL.

    Podman makes up another id for each answer.
    """
    own = str(first.get("ID") or "")
    return own if own and own == second.get("ID") else host


def read_image(reference: str, facts: dict[str, Any]) -> LocalImage:
    """Read `GET /images/{name}/json`, in which engines from version 29 on omit empty fields."""
    config = facts.get("Config") or {}
    return LocalImage(
        reference=reference,
        id=facts["Id"],
        platform=str(Platform(facts.get("Os", "linux"), facts.get("Architecture", ""), facts.get("Variant") or "")),
        diff_ids=tuple((facts.get("RootFS") or {}).get("Layers") or ()),
        labels=config.get("Labels") or {},
        user=config.get("User") or "",
        names=_read_own_names(facts),
        digest=_find_digest(reference, facts.get("RepoDigests") or ()),
        environment=_read_words(config.get("Env")),
        entrypoint=_read_words(config.get("Entrypoint")),
        command=_read_words(config.get("Cmd")),
        health_check=_read_words((config.get("Healthcheck") or {}).get("Test")),
        ports=_read_words(sorted(config.get("ExposedPorts") or ())),
        size_bytes=int(facts.get("Size") or 0),
    )


def _read_words(value: Iterable[str] | None) -> tuple[str, ...]:
    """Return the words of a list that the engine may omit, or give as null."""
    return tuple(map(str, value or ()))


def _find_digest(reference: str, known: Iterable[str]) -> str:
    """Return the digest of an image in the registry of this name, from the engine's list of `NAME@sha256:…`."""
    digest = reference.partition("@")[2]
    wanted = strip_tag(reference)
    found = (each.rpartition("@") for each in known)
    return digest or next((each for name, _, each in found if strip_tag(name) == wanted), "")


def describe_named(rows: Iterable[dict[str, Any]], describe: Callable[[str], LocalImage]) -> tuple[LocalImage, ...]:
    """Read `GET /images/json`: return those images that have a name, and of which the engine still tells more."""
    found = list[LocalImage]()
    for each in [row["Id"] for row in rows if _read_own_names(row)]:
        with suppress(NoSuchImage, EngineFault):
            found.append(describe(each))
    return tuple(found)


def read_names(facts: dict[str, Any]) -> tuple[str, ...]:
    """Read a row of `GET /images/json`: its names; if it has neither a name nor a repository digest, its id."""
    return read_tags(facts) if read_tags(facts) or _read_names(facts, "RepoDigests") else (facts["Id"],)


def read_tags(facts: dict[str, Any]) -> tuple[str, ...]:
    """Read an image's names, `NAME:TAG` each, from a row of `GET /images/json` or from `GET /images/{name}/json`."""
    return _read_names(facts, "RepoTags")


def _read_own_names(facts: dict[str, Any]) -> tuple[str, ...]:
    """Read an image's names; of one that was pulled by its digest alone, `NAME@DIGEST`."""
    return read_tags(facts) or _read_names(facts, "RepoDigests")


def _read_names(facts: dict[str, Any], key: str) -> tuple[str, ...]:
    return tuple(str(name) for name in facts.get(key) or () if not name.startswith(_NO_NAMES))


def build_creation(spec: ContainerSpec) -> dict[str, Any]:
    """Return the arguments of the SDK for a container's command, names and environment."""
    return {
        "entrypoint": list(spec.entrypoint) or None,
        "command": list(spec.command) or None,
        "name": spec.name,
        "user": spec.user or None,
        "hostname": spec.hostname or None,
        "working_dir": spec.working_dir or None,
        "environment": dict(spec.environment),
        "labels": dict(spec.labels),
        "healthcheck": build_health_check(spec) or None,
    }


def build_confinement(spec: ContainerSpec) -> dict[str, Any]:
    """Return the arguments of the SDK for a container's mounts, rights and limits."""
    return {
        "binds": {
            name: {"bind": path, "mode": "ro" if spec.read_only_volumes else "rw"}
            for name, path in spec.volumes.items()
        }
        | {name: {"bind": path, "mode": "ro"} for name, path in spec.read_only_mounts.items()},
        "sysctls": dict(spec.sysctls),
        "tmpfs": dict(spec.tmpfs),
        "read_only": spec.read_only,
        "cap_drop": list(spec.drop_capabilities),
        "security_opt": list(spec.security_options),
        "mem_limit": spec.memory_bytes,
        "pids_limit": spec.pids_limit,
        # Engines refuse `--cpus` above the number of processors, and not a quota that amounts to as much.
        "cpu_period": _CPU_PERIOD_MICROSECONDS,
        "cpu_quota": round(spec.cpus * _CPU_PERIOD_MICROSECONDS),
        "ulimits": [
            {"name": name, "soft": limit, "hard": limit}
            for name, limit in (("fsize", spec.file_bytes), ("nofile", spec.open_files))
            if limit
        ]
        or None,
        "init": spec.init,
        "log_config": {"type": "json-file", "config": {"max-size": _MAX_LOG}},
    }


def read_changes(rows: Sequence[Mapping[str, Any]] | None) -> tuple[str, ...]:
    """Read `GET /containers/{id}/changes`: paths that were added or changed, without folders that only hold others."""
    found = sorted(str(row["Path"]) for row in rows or () if row.get("Kind") in _ADDED_OR_CHANGED)
    holders = {str(parent) for path in found for parent in PurePosixPath(path).parents}
    return tuple(path for path in found if path not in holders)


def build_health_check(spec: ContainerSpec) -> dict[str, Any]:
    """Return the arguments of the SDK for a container's health check; the image's own values hold for all others.

    Engines from version 25 on check every 5 s during the image's start period, so we set the shortest start period.
    """
    interval = int(spec.health_interval_seconds * 10**9)
    timing = {"interval": interval, "start_period": _SHORTEST_NANOSECONDS} if interval else {}
    return timing | ({"test": list(spec.health_command)} if spec.health_command else {})


def read_container(facts: dict[str, Any]) -> ContainerState:
    """Read `GET /containers/{id}/json`."""
    from weighbridge.model import container  # noqa: PLC0415 - as above

    state, health = facts["State"], facts["State"].get("Health") or {}
    runs = health.get("Log") or [{}]
    statuses: dict[str, ContainerStatus] = {each: each for each in get_args(container.ContainerStatus)}
    healths: dict[str, HealthStatus] = {each: each for each in get_args(container.HealthStatus)}
    return container.ContainerState(
        status=statuses.get(state["Status"], "unknown"),
        health=healths.get(health.get("Status", "none"), "unknown"),
        health_output=str(runs[-1].get("Output", "")).strip(),
        exit_code=state["ExitCode"],
        out_of_memory=state["OOMKilled"],
        started_at=parse_time(str(state.get("StartedAt", ""))),
    )


def parse_time(time: str) -> float:
    """Return an RFC 3339 time in seconds since the epoch; 0 for no time, and for the year 1, which means never."""
    try:
        return max(0.0, datetime.fromisoformat(time).timestamp())
    except (OverflowError, ValueError):
        return 0.0


def list_held(
    ours: Iterable[dict[str, Any]], things: Iterable[Iterable[dict[str, Any]]], containers: Iterable[dict[str, Any]]
) -> tuple[str, ...]:
    """Return a sentence for each of our networks and volumes that a container which is not ours uses.

    Args:
        ours: Rows of `GET /containers/json` that are ours.
        things: Rows of `GET /networks` and of `GET /volumes` that are ours.
        containers: All rows of `GET /containers/json`.
    """
    known, names = {each["Id"] for each in ours}, {each["Name"] for kind in things for each in kind}
    others = (each for each in containers if each["Id"] not in known)
    return tuple(words for each in others for words in list_uses(each, names))


def list_uses(facts: dict[str, Any], names: Collection[str]) -> Iterator[str]:
    """Read a row of `GET /containers/json`: yield a sentence for each of these networks and volumes that it uses."""
    user = (facts.get("Names") or [facts["Id"][:12]])[0].removeprefix("/")
    networks = (facts.get("NetworkSettings") or {}).get("Networks") or {}
    volumes = [each["Name"] for each in facts.get("Mounts") or () if "Name" in each]
    for kind, found in (("network", networks), ("volume", volumes)):
        yield from (f"{kind} {name}: container {user} uses it" for name in found if name in names)


def read_subnets(networks: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Read `GET /networks`: return the subnets that are in use."""
    plans = [(network.get("IPAM") or {}).get("Config") or () for network in networks]
    return tuple(each["Subnet"] for plan in plans for each in plan if "Subnet" in each)


def read_users(table: dict[str, Any]) -> frozenset[int]:
    """Read `GET /containers/{id}/top`: return the processes' users; raise `EngineFault` if it does not list them."""
    titles = [str(title).upper() for title in table["Titles"]]
    if "UID" not in titles:
        raise EngineFault("The engine does not list the users of processes")
    column = titles.index("UID")
    return frozenset(int(row[column]) for row in table["Processes"] or () if row[column].isdecimal())
