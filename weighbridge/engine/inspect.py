"""The engine's words and ours: what its JSON means, which differs between versions and stores, and what a spec asks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from weighbridge.errors import EngineFault
from weighbridge.model.engine import ContainerSpec, ContainerState, LocalImage
from weighbridge.model.platform import Platform, of_machine
from weighbridge.model.report import EngineIdentity

_MAX_LOG = "16m"
"""Of one container: one that says the same for ever fills no disk, and what it says can be read by us."""
_SHORTEST_NANOSECONDS = 10**6


def identity(info: dict[str, Any]) -> EngineIdentity:
    """Read `GET /info`."""
    # The containerd store gives itself away by the plug-in type in its driver's status.
    drivers = {str(value) for _, value in info.get("DriverStatus") or ()}
    return EngineIdentity(
        version=info.get("ServerVersion", "unknown"),
        store="containerd" if "io.containerd.snapshotter.v1" in drivers else info.get("Driver", "unknown"),
        platform=str(of_machine(info.get("OSType", "linux"), info.get("Architecture", ""))),
    )


def image(reference: str, facts: dict[str, Any]) -> LocalImage:
    """Read `GET /images/{name}/json`; engines from 29 on leave empty fields out."""
    config = facts.get("Config") or {}
    return LocalImage(
        reference=reference,
        id=facts["Id"],
        platform=str(Platform(facts.get("Os", "linux"), facts.get("Architecture", ""), facts.get("Variant") or "")),
        diff_ids=tuple((facts.get("RootFS") or {}).get("Layers") or ()),
        labels=config.get("Labels") or {},
        user=config.get("User") or "",
        digest=_digest(reference, facts.get("RepoDigests") or ()),
        environment=_words(config.get("Env")),
        entrypoint=_words(config.get("Entrypoint")),
        command=_words(config.get("Cmd")),
        health_check=_words((config.get("Healthcheck") or {}).get("Test")),
        ports=_words(sorted(config.get("ExposedPorts") or ())),
    )


def _words(value: Iterable[str] | None) -> tuple[str, ...]:
    """Return a list of words as the engine has it: absent, null, or the words."""
    return tuple(map(str, value or ()))


def _digest(reference: str, known: Iterable[str]) -> str:
    """Return the digest under which a registry has an image by this name; engines list `NAME@sha256:…` of all."""
    name, _, digest = reference.partition("@")
    head, slash, tail = name.rpartition("/")
    wanted = _short(f"{head}{slash}{tail.partition(':')[0]}")
    found = (each.rpartition("@") for each in known)
    return digest or next((each for name, _, each in found if _short(name) == wanted), "")


def _short(name: str) -> str:
    """Return a name as engines print it, without what they take for granted."""
    return name.removeprefix("docker.io/").removeprefix("library/")


def names(facts: dict[str, Any]) -> tuple[str, ...]:
    """Read a row of `GET /images/json`: its names, or its id where it has none, nor a digest that it came by."""
    tags, digests = (
        [name for name in facts[key] or () if not name.startswith("<none>")] for key in ("RepoTags", "RepoDigests")
    )
    return tuple(tags) if tags or digests else (facts["Id"],)


def creation(spec: ContainerSpec) -> dict[str, Any]:
    """Return what the SDK takes for a container's command and names."""
    return {
        "entrypoint": list(spec.entrypoint) or None,
        "command": list(spec.command) or None,
        "name": spec.name,
        "user": spec.user or None,
        "environment": dict(spec.environment),
        "labels": dict(spec.labels),
        "healthcheck": health_check(spec) or None,
    }


def confinement(spec: ContainerSpec) -> dict[str, Any]:
    """Return what the SDK takes for a container's mounts, rights and limits."""
    return {
        "binds": {
            name: {"bind": path, "mode": "ro" if spec.read_only_volumes else "rw"}
            for name, path in spec.volumes.items()
        },
        "tmpfs": dict(spec.tmpfs),
        "read_only": spec.read_only,
        "cap_drop": list(spec.drop_capabilities),
        "security_opt": list(spec.security_options),
        "mem_limit": spec.memory_bytes,
        "pids_limit": spec.pids_limit,
        "init": spec.init,
        "log_config": {"type": "json-file", "config": {"max-size": _MAX_LOG}},
    }


def health_check(spec: ContainerSpec) -> dict[str, Any]:
    """Return what the SDK takes for a container's health check; what is left out is the image's own.

    Engines from 25 on probe every 5 s for as long as the image's start period lasts: the shortest takes its place.
    """
    interval = int(spec.health_interval_seconds * 10**9)
    timing = {"interval": interval, "start_period": _SHORTEST_NANOSECONDS} if interval else {}
    return timing | ({"test": list(spec.health_command)} if spec.health_command else {})


def container(facts: dict[str, Any]) -> ContainerState:
    """Read `GET /containers/{id}/json`."""
    state, health = facts["State"], facts["State"].get("Health") or {}
    runs = health.get("Log") or [{}]
    return ContainerState(
        status=state["Status"],
        health=health.get("Status", "none"),
        health_output=str(runs[-1].get("Output", "")).strip(),
        exit_code=state["ExitCode"],
        out_of_memory=state["OOMKilled"],
        started_at=seconds_of(str(state.get("StartedAt", ""))),
    )


def seconds_of(time: str) -> float:
    """Return an RFC 3339 time in seconds since the epoch; 0 for none, or for the year 1, which means never."""
    try:
        return max(0.0, datetime.fromisoformat(time).timestamp())
    except (OverflowError, ValueError):
        return 0.0


def held(
    ours: Iterable[dict[str, Any]], things: Iterable[Iterable[dict[str, Any]]], containers: Iterable[dict[str, Any]]
) -> tuple[str, ...]:
    """Read rows of `GET /containers/json`, `/networks` and `/volumes`: which containers not ours use our things."""
    known, names = {each["Id"] for each in ours}, {each["Name"] for kind in things for each in kind}
    others = (each for each in containers if each["Id"] not in known)
    return tuple(words for each in others for words in uses(each, names))


def uses(facts: dict[str, Any], names: Collection[str]) -> Iterator[str]:
    """Read a row of `GET /containers/json`: in words, which of the named networks and volumes it uses."""
    user = (facts.get("Names") or [facts["Id"][:12]])[0].removeprefix("/")
    networks = (facts.get("NetworkSettings") or {}).get("Networks") or {}
    volumes = [each["Name"] for each in facts.get("Mounts") or () if "Name" in each]
    for kind, found in (("network", networks), ("volume", volumes)):
        yield from (f"{kind} {name}: container {user} uses it" for name in found if name in names)


def subnets(networks: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Read `GET /networks`: the subnets that are taken."""
    plans = [(network.get("IPAM") or {}).get("Config") or () for network in networks]
    return tuple(each["Subnet"] for plan in plans for each in plan if "Subnet" in each)


def users(table: dict[str, Any]) -> frozenset[int]:
    """Read `GET /containers/{id}/top` with a column of that name; `EngineFault` where it has none."""
    titles = [str(title).upper() for title in table["Titles"]]
    if "UID" not in titles:
        raise EngineFault("The engine does not tell the users of processes")
    column = titles.index("UID")
    return frozenset(int(row[column]) for row in table["Processes"] or () if row[column].isdecimal())
