"""What a container is created from, and what the engine says of one: frozen values, standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TMP = {"/tmp": "mode=1777,size=64m"}  # noqa: S108 - in there
"""What every container may write to, as `ContainerSpec.tmpfs` takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """What a container is created from. The defaults are the hardening that every role must stand."""

    name: str
    image: str
    network: str
    entrypoint: tuple[str, ...] = ()
    """Empty: the image's own."""
    command: tuple[str, ...] = ()
    """Empty: the image's own, unless `entrypoint` is given."""
    user: str = ""
    """Empty: the image's own."""
    aliases: tuple[str, ...] = ()
    """Names under which the other containers of the network find this one."""
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    """Volume name -> path in the container."""
    read_only_volumes: bool = False
    tmpfs: Mapping[str, str] = field(default_factory=lambda: TMP)
    """Path in the container -> mount options."""
    health_command: tuple[str, ...] = ()
    """`CMD` and its words; empty: the image's own health check."""
    health_interval_seconds: float = 0
    """Also while it starts. 0: the image's own."""
    read_only: bool = True
    drop_capabilities: tuple[str, ...] = ("ALL",)
    security_options: tuple[str, ...] = ("no-new-privileges:true",)
    memory_bytes: int = 512 * 2**20
    pids_limit: int = 128
    init: bool = True
    """Whether the engine's own small init is process 1; it forwards signals and reaps orphans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A container that was created."""

    id: str
    warnings: tuple[str, ...]
    """What of the spec the engine does not do, in its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """What the engine says of a container at one moment."""

    status: str
    """`created`, `running`, `exited`, …"""
    health: str
    """`starting`, `healthy` or `unhealthy`; `none` without a health check."""
    health_output: str
    """What the last run of the health check printed."""
    exit_code: int
    """Of no meaning while it runs. 137 after a SIGKILL, 143 after a SIGTERM that nothing handled."""
    out_of_memory: bool
    started_at: float = 0.0
    """When its first process began, in seconds since the epoch, by the engine's clock; 0: never."""

    @property
    def running(self) -> bool:
        """Whether its first process runs."""
        return self.status == "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalImage:
    """What the engine says of an image that it has. Its sizes are left out: they depend on the store."""

    reference: str
    id: str
    """The engine's own id: a config digest on a graph driver, a manifest or index digest on the containerd store."""
    platform: str
    diff_ids: tuple[str, ...]
    """Oldest layer first."""
    labels: Mapping[str, str]
    user: str
    names: tuple[str, ...] = ()
    """All that the engine has for it, `NAME:TAG` each."""
    digest: str = ""
    """`sha256:…` under which a registry has the image by this name; empty where it came from none and went to none."""
    environment: tuple[str, ...] = ()
    """`KEY=value`."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    health_check: tuple[str, ...] = ()
    """Docker's `Test`: `CMD` and words, `CMD-SHELL` and a line, or `NONE`; empty where the image has none."""
    ports: tuple[str, ...] = ()
    """`8000/tcp`, sorted."""
