"""What rules observe on one stack, as typed values: one rule stores them, later ones read them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, Self

from weighbridge.smoke.stack.gate import Gate

if TYPE_CHECKING:
    from weighbridge.engine.protocol import Conversation


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment by this process's monotonic clock, which is never set back."""

    monotonic: float

    @classmethod
    def now(cls) -> Self:
        """Return the present moment."""
        return cls(time.monotonic())

    @property
    def age(self) -> float:
        """How many seconds ago it was."""
        return time.monotonic() - self.monotonic


@dataclass(frozen=True, slots=True)
class Health:
    """The result of a health check."""

    ok: bool
    output: str
    """The last line that it printed; if it failed, the error that it reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What the kernel says about one process, as seen inside the container."""

    pid: int
    name: str
    started: int
    """When it began, in clock ticks since boot: distinguishes it from an earlier process with the same number."""
    uids: tuple[int, ...]
    """Real, effective, saved and file system user."""
    has_capabilities: bool
    """Whether it holds any capability, or could gain one."""
    no_new_privileges: bool
    """Whether no setuid program can make it more privileged."""
    command: tuple[str, ...] = ()
    """Its program and arguments; empty: they are not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A socket that waits for connections or datagrams."""

    protocol: Literal["tcp", "udp"]
    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the probe script saw in a container."""

    processes: tuple[Process, ...]
    root_is_read_only: bool
    writes: Mapping[str, str]
    """Folder -> `written`, or the name of the error, such as `EROFS`."""
    listening: tuple[Listener, ...]
    memory_bytes: int
    """Resident memory of all processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to one GET that a script sent inside a container."""

    status: int | None = None
    """None: no answer came."""
    location: str = ""
    """Where a redirect leads to."""
    body: str = ""
    error: str = ""
    """Why no answer came."""
    late: bool = False
    """Whether the API accepted the request and did not answer in time, as it does with a long poll."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """When an API first answered 200, in seconds since the epoch, and its last answers."""

    live_at: float | None
    """None: never."""
    ready_at: float | None
    """None: never; it is not asked before it is live."""
    live: Reply
    ready: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What an API says about itself in its OpenAPI document, and its answer to each GET that the document describes."""

    version: str
    paths: int
    gets: tuple[tuple[str, Reply], ...]
    """Path and query of each GET, and the answer."""


@dataclass(slots=True, kw_only=True)
class StandingProgram:
    """A program that stays in a container, and who may ask it."""

    conversation: Conversation | None = None
    """None: it has not been started, or has ended."""
    is_impossible: bool = False
    """Whether it could not be started, so that nobody needs to try again."""
    turn: Lock = field(default_factory=Lock)
    """Belongs to whoever asks; it is one at a time."""

    def end(self) -> None:
        """Let the program end, if it runs."""
        conversation, self.conversation = self.conversation, None  # in one step: other threads may end it, too
        if conversation:
            conversation.close()


@dataclass(slots=True, kw_only=True)
class Observations:
    """What rules have observed so far; None: nothing yet."""

    keys: dict[str, str] = field(default_factory=dict)
    """Container -> key of the image that it runs from."""
    interpreters: dict[str | None, str] = field(default_factory=dict)
    """Key of an image -> the name of its interpreter: `python` or `python3`."""
    live_seconds: dict[str, float] = field(default_factory=dict)
    """API -> from the start of its container to its first answer."""
    ready_seconds: dict[str, float] = field(default_factory=dict)
    """API or worker -> from the start of its container until it reached its services, or took jobs."""
    told_to_stop: dict[str, Moment] = field(default_factory=dict)
    """Role -> when we sent it SIGTERM."""
    jobs: dict[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    """Role -> worker that answered -> the jobs that it knows."""
    answered: dict[tuple[str, ...], Mapping[str, Sequence[str]]] = field(default_factory=dict)
    """Command that asks for jobs -> what it printed last: all workers answer it."""
    described: dict[str, Described] = field(default_factory=dict)
    """API -> what it says about itself."""
    starting: dict[str, Future[Any]] = field(default_factory=dict)
    """Service -> the end of its container's start, which was begun beside the rules on images."""
    began: dict[str, float] = field(default_factory=dict)
    """Role -> when its container was started, by the monotonic clock."""
    settled: dict[str, Moment] = field(default_factory=dict)
    """Role -> when its start had been waited for."""
    warnings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Role -> what the engine said of its container when it was created."""
    served: set[str] = field(default_factory=set)
    """Roles that have served: whatever ends them later is no fault of their start."""
    watched: set[str] = field(default_factory=set)
    """Roles that were started and not told to stop, so that they have to run."""
    looked_at: float = 0
    """When, by the monotonic clock, we last looked whether they run."""
    findings: dict[str, Findings] = field(default_factory=dict)
    """Container -> what the first probe saw once the container served."""
    healths: dict[str, Health] = field(default_factory=dict)
    """Container -> the last result of its health check."""
    lines_before_stop: dict[str, int] = field(default_factory=dict)
    """Role -> how many lines its log had when we sent it SIGTERM."""
    logs: dict[str, str] = field(default_factory=dict)
    """Container that was removed -> its whole log."""
    gate: Gate = field(default_factory=Gate)
    """Closes before all containers are removed."""
    standing: dict[str, StandingProgram] = field(default_factory=dict)
    """Client's container -> what stays there to run our scripts and commands."""
    secrets: set[str] = field(default_factory=set)
    """Tokens and passwords that requests of the settings have sent, or kept of an answer."""
