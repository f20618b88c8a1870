"""What rules see of one stack while they are tried on it, as typed values: one rule notes, later ones read."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment by this process's own clock, which nobody sets back."""

    monotonic: float

    @classmethod
    def now(cls) -> Self:
        """Return the present one."""
        return cls(time.monotonic())

    @property
    def age(self) -> float:
        """How many seconds ago it was."""
        return time.monotonic() - self.monotonic


@dataclass(frozen=True, slots=True)
class Health:
    """What a health check said."""

    ok: bool
    output: str
    """Its last line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What the kernel holds of one process, in the container's own terms."""

    pid: int
    name: str
    started: int
    """When it began, in the kernel's ticks: tells it from another of the same number."""
    uids: tuple[int, ...]
    """Real, effective, saved and file system user."""
    has_capabilities: bool
    """Whether it holds any capability, or could gain one."""
    no_new_privileges: bool
    """Whether no setuid program can make it more privileged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A socket that waits for somebody."""

    protocol: str
    """`tcp` or `udp`."""
    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the probe saw in a container."""

    processes: tuple[Process, ...]
    root_is_read_only: bool
    writes: Mapping[str, str]
    """Folder -> `written`, or the name of the error."""
    listening: tuple[Listener, ...]
    memory_bytes: int
    """Resident, of all processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of one GET that a script sent from inside."""

    status: int | None = None
    """None: no answer came."""
    body: str = ""
    error: str = ""
    """Why no answer came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """When an API first answered 200, in seconds since the epoch, and the last that it answered."""

    live_at: float | None
    """None: it never did."""
    ready_at: float | None
    """None: it never did, or was not asked, for it never was live."""
    live: Reply
    ready: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What an API says of itself in its OpenAPI document, and what each of the GETs that stand there came to."""

    version: str
    paths: int
    gets: tuple[tuple[str, Reply], ...]
    """Path and query of each, and its reply."""


@dataclass(slots=True, kw_only=True)
class Observations:
    """What has been seen so far; None is what has not been."""

    interpreter: str | None = None
    """The name by which the image has an interpreter."""
    api_live_seconds: float | None = None
    """From the start of the API's container to its first answer."""
    api_ready_seconds: float | None = None
    """From the start of the API's container until it reached its services."""
    worker_ready_seconds: float | None = None
    """From the start of the worker's container until it took jobs."""
    api_told_to_stop: Moment | None = None
    """When the API was sent SIGTERM."""
    jobs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Worker -> the jobs that it knows; empty: none has answered yet."""
    described: Described | None = None
    findings: dict[str, Findings] = field(default_factory=dict)
    """Container -> what the first look inside found once it served."""
    healths: dict[str, Health] = field(default_factory=dict)
    """Container -> the last word of its health check."""
    logs: dict[str, str] = field(default_factory=dict)
    """Container that is gone -> its whole log."""
