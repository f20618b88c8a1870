"""What the engine's answers mean: its JSON, which differs between versions and stores, as our own values."""

from __future__ import annotations

from typing import Any

from weighbridge.model import ContainerState, EngineIdentity, LocalImage

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


def container(facts: dict[str, Any]) -> ContainerState:
    """Read `GET /containers/{id}/json`."""
    state, health = facts["State"], facts["State"].get("Health") or {}
    runs = health.get("Log") or [{}]
    published = (facts.get("NetworkSettings") or {}).get("Ports") or {}
    return ContainerState(
        status=state["Status"],
        health=health.get("Status", "none"),
        health_output=str(runs[-1].get("Output", "")).strip(),
        exit_code=state["ExitCode"],
        out_of_memory=state["OOMKilled"],
        restart_count=facts.get("RestartCount", 0),
        error=state.get("Error", ""),
        ports={int(port.split("/")[0]): int(at[0]["HostPort"]) for port, at in published.items() if at},
    )
