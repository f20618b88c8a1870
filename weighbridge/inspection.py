"""The engine's words and ours: what its JSON means, which differs between versions and stores, and what a spec asks."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from weighbridge.containers import ContainerSpec, ContainerState
from weighbridge.model import EngineIdentity, LocalImage

_FRAME_HEADER_BYTES = 8
_SHORTEST_NANOSECONDS = 10**6
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def identity(info: dict[str, Any]) -> EngineIdentity:
    """Read `GET /info`."""
    # The containerd store gives itself away by the plug-in type in its driver's status.
    drivers = {str(value) for _, value in info.get("DriverStatus") or ()}
    machine = info.get("Architecture", "")
    return EngineIdentity(
        version=info.get("ServerVersion", "unknown"),
        store="containerd" if "io.containerd.snapshotter.v1" in drivers else info.get("Driver", "unknown"),
        platform=f"{info.get('OSType', 'linux')}/{_ARCHITECTURES.get(machine, machine)}",
    )


def image(reference: str, facts: dict[str, Any]) -> LocalImage:
    """Read `GET /images/{name}/json`; engines from 29 on leave empty fields out."""
    config = facts.get("Config") or {}
    return LocalImage(
        reference=reference,
        id=facts["Id"],
        platform=f"{facts.get('Os', 'linux')}/{facts.get('Architecture', '')}",
        diff_ids=tuple((facts.get("RootFS") or {}).get("Layers") or ()),
        labels=config.get("Labels") or {},
        user=config.get("User") or "",
    )


def names(facts: dict[str, Any]) -> tuple[str, ...]:
    """Read a row of `GET /images/json`: its names, or its id where it has none, nor a digest that it came by."""
    tags, digests = (
        [name for name in facts[key] or () if not name.startswith("<none>")] for key in ("RepoTags", "RepoDigests")
    )
    return tuple(tags) if tags or digests else (facts["Id"],)


def confinement(spec: ContainerSpec) -> dict[str, Any]:
    """Return what the SDK takes for a container's mounts, rights and limits."""
    return {
        "binds": {name: {"bind": path, "mode": "rw"} for name, path in spec.volumes.items()},
        "tmpfs": dict(spec.tmpfs),
        "read_only": spec.read_only,
        "cap_drop": list(spec.drop_capabilities),
        "security_opt": list(spec.security_options),
        "mem_limit": spec.memory_bytes,
        "pids_limit": spec.pids_limit,
        "init": spec.init,
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
    )


def uses(facts: dict[str, Any], names: Collection[str]) -> Iterator[str]:
    """Read a row of `GET /containers/json`: in words, which of the named networks and volumes it uses."""
    user = (facts.get("Names") or [facts["Id"][:12]])[0].removeprefix("/")
    networks = (facts.get("NetworkSettings") or {}).get("Networks") or {}
    volumes = [each["Name"] for each in facts.get("Mounts") or () if "Name" in each]
    for kind, found in (("network", networks), ("volume", volumes)):
        yield from (f"{kind} {name}: container {user} uses it" for name in found if name in names)


def output(stream: bytes) -> bytes:
    """Join the frames of a command's output: each begins with 8 bytes, the last 4 of which are the size of the rest."""
    parts, at = [], 0
    while at < len(stream):
        begin = at + _FRAME_HEADER_BYTES
        at = begin + int.from_bytes(stream[begin - 4 : begin])
        parts.append(stream[begin:at])
    return b"".join(parts)
