"""What a container is created from, and what an engine says about it: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

TMP = {"/tmp": "mode=1777,size=64m"}  # noqa: S108 - in there
"""The `tmpfs` of every `ContainerSpec` that names no other: the one place where it may write."""

ContainerStatus = Literal["created", "running", "paused", "restarting", "removing", "exited", "dead", "unknown"]
"""Docker's words (Engine API, `ContainerInspect`, State.Status); `unknown`: the engine says something else."""
HealthStatus = Literal["none", "starting", "healthy", "unhealthy", "unknown"]
"""Docker's words (Engine API, Health.Status); `none`: no health check; `unknown`: the engine says something else."""
SignalName = Literal["SIGTERM", "SIGKILL"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """What a container is created from. The defaults are the hardening under which every role must work."""

    name: str
    image: str
    network: str
    entrypoint: tuple[str, ...] = ()
    """Empty: that of the image."""
    command: tuple[str, ...] = ()
    """Empty: that of the image, unless `entrypoint` is given."""
    user: str = ""
    """Empty: that of the image."""
    aliases: tuple[str, ...] = ()
    """Names by which the other containers of the network find this one."""
    environment: Mapping[str, str] = field(default_factory=dict)
    hostname: str = ""
    """Empty: the beginning of the container's id."""
    working_dir: str = ""
    """Empty: that of the image."""
    labels: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    """Volume name -> path in the container."""
    read_only_volumes: bool = False
    read_only_mounts: Mapping[str, str] = field(default_factory=dict)
    """Volume name, or path on the engine's machine -> path in the container, where it can only be read."""
    sysctls: Mapping[str, str] = field(default_factory=dict)
    """Settings of the kernel for the container's own network, and their values."""
    tmpfs: Mapping[str, str] = field(default_factory=lambda: TMP)
    """Path in the container -> mount options."""
    health_command: tuple[str, ...] = ()
    """`CMD` and its words; empty: the health check of the image."""
    health_interval_seconds: float = 0
    """The interval of the health check, also while the container starts; 0: that of the image."""
    read_only: bool = True
    drop_capabilities: tuple[str, ...] = ("ALL",)
    security_options: tuple[str, ...] = ("no-new-privileges:true",)
    memory_bytes: int = 512 * 2**20
    pids_limit: int = 128
    cpus: float = 2
    """How many processors it may use, also if the machine has fewer."""
    file_bytes: int = 0
    """How large any file may become that its processes write; 0: as large as the engine allows."""
    open_files: int = 0
    """How many descriptors each of its processes may have; 0: as many as the engine gives."""
    init: bool = True
    """Whether process 1 is the engine's small init, which forwards signals and reaps orphans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A container that was created."""

    id: str
    warnings: tuple[str, ...]
    """The engine's messages about the parts of the spec that it ignores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """What a program wrote, each of its output streams by itself.

    An engine copies the two streams side by side, and a program may buffer one of them, so the order of their lines
    among each other says nothing.
    """

    output: str = ""
    """Standard output."""
    errors: str = ""
    """Standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """How a command in a container ended."""

    code: int
    """Its exit code; -1: the engine does not know it."""
    streams: Streams


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerState:
    """What the engine says about a container at one moment."""

    status: ContainerStatus
    health: HealthStatus
    health_output: str
    """What the last run of the health check printed."""
    exit_code: int
    """Meaningless while the container runs; 137 after SIGKILL, 143 after a SIGTERM that nothing handled."""
    out_of_memory: bool
    started_at: float = 0.0
    """When its first process started, in seconds since the epoch, by the engine's clock; 0: never."""

    @property
    def running(self) -> bool:
        """Whether its first process runs."""
        return self.status == "running"
