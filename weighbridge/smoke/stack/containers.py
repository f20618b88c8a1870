"""The stack of one run: a private network, a volume, and containers of Redis, of both roles, and of who asks them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypedDict, assert_never

from weighbridge.engine.protocol import Engine
from weighbridge.errors import EngineFault
from weighbridge.model.engine import ContainerSpec, ContainerState, Created
from weighbridge.model.smoke import RoleName
from weighbridge.settings.project import Settings
from weighbridge.settings.smoke import Role
from weighbridge.smoke.stack import redaction, runs
from weighbridge.smoke.stack.observations import Observations
from weighbridge.smoke.stack.runs import Run
from weighbridge.smoke.stack.signals import Interruption

REDIS: Final = "redis"
API: Final = "api"
WORKER: Final = "worker"
CLIENT: Final = "client"
"""A container that runs from the image, too: it only waits, and all requests and commands are sent from it."""
ContainerKind = Literal["redis", "api", "worker", "client"]
LOG_LINES = 20
INTERPRETERS = ("python", "python3")
_NO_HEALTH_CHECK = ("NONE",)
"""Engines would run it every half a second in every container of every variant, and that takes a processor. We do."""
WAITING = ("-I", "-S", "-c", "import signal, sys; signal.signal(signal.SIGTERM, sys.exit); signal.pause()")
"""What makes an interpreter stay and do nothing."""


class _Common(TypedDict):
    """What the specs of all containers of a run share."""

    name: str
    network: str
    aliases: tuple[str, ...]
    labels: Mapping[str, str]
    health_command: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The containers of one run, by name. `running` makes one and takes it down."""

    engine: Engine
    settings: Settings
    image: str
    redis: str
    run: Run
    interruption: Interruption
    entrypoint: tuple[str, ...] = ()
    """The image's own."""
    command: tuple[str, ...] = ()
    """The image's own."""
    health_check: tuple[str, ...] = ()
    """The image's, as Docker keeps it: `CMD` and words, or `CMD-SHELL` and a line; empty or `NONE`: it has none."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of both roles, over what the settings give them."""
    observed: Observations = field(default_factory=Observations)
    """What rules have seen on the way; all else of a stack stays as it was made."""

    @property
    def interpreters(self) -> tuple[str, ...]:
        """Names of interpreters that the image may have; once it is known, of the one that it has."""
        known = self.observed.interpreter
        return (known,) if known else INTERPRETERS

    def name(self, container: str) -> str:
        """Return the name that the engine knows a container by."""
        return f"{self.run.name}-{container}"

    def start(self, kind: ContainerKind, container: str = "", **changes: Any) -> Created:
        """Create and start a container.

        Args:
            kind: Which of the usual containers to start.
            container: Its name, by which the others reach it; empty: its kind.
            changes: Fields of its `ContainerSpec` that get other values.
        """
        spec = replace(self._spec(kind, container or kind), **changes)
        created = self.engine.create_container(spec)
        self.engine.start(created.id)
        return created

    def state(self, container: str) -> ContainerState:
        """Return the state of a container now."""
        return self.engine.state(self.name(container))

    def log(self, container: str, lines: int | None = LOG_LINES) -> str:
        """Return the end of a container's log, masked, without the last line break; empty where there is none."""
        try:
            return self.masked(self.engine.log(self.name(container), lines).rstrip())
        except EngineFault:
            return ""

    def masked(self, text: str) -> str:
        """Return a text without the secrets that the containers were given."""
        return redaction.masked(text, redaction.given(self.settings, self.environment))

    def remove(self, container: str) -> None:
        """Remove a container and keep its log."""
        self.observed.logs[container] = self.log(container, None)
        self.engine.remove_container(self.name(container))

    def wait(self, container: str, enough: Callable[[ContainerState], bool], seconds: float) -> ContainerState:
        """Return the first state that is enough, or the last one when the time is up."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.state(container)
            if enough(state) or time.monotonic() > deadline:
                return state
            self.interruption.pause()

    def role(self, role: RoleName) -> Role:
        """Return the settings of `api` or `worker`."""
        return self.settings.roles.api if role == API else self.settings.roles.worker

    def words(self, role: RoleName) -> tuple[str, ...]:
        """Return with what words a role is started, its program first."""
        return (*self.entrypoint, *(self.role(role).command or self.command))

    def out_of_memory(self, role: RoleName) -> str:
        """Say what became of a role whose container had not enough memory, and what to do."""
        limit = self.role(role).memory.written
        return f"reached its limit of {limit} of memory; let it take less, or raise roles.{role}.memory"

    def _spec(self, kind: ContainerKind, container: str) -> ContainerSpec:
        match kind:
            case "redis":
                return self._redis(container)
            case "client":
                return self._client(container)
            case "api" | "worker":
                return self._role(container, kind)
            case _:
                assert_never(kind)

    def _redis(self, container: str) -> ContainerSpec:
        """Redis keeps nothing on disk. Its user has this number in the official image and in our stand-in."""
        return ContainerSpec(
            **self._common(container),
            image=self.redis,
            command=("redis-server", "--save", "", "--appendonly", "no", "--protected-mode", "no"),
            user="999",
            tmpfs={"/data": "mode=1777,size=64m"},
        )

    def _client(self, container: str) -> ContainerSpec:
        spec, roles = self._role(container, API), self.settings.roles
        # The commands that settings name run here, and most of them are the worker's.
        return replace(
            spec,
            environment={**spec.environment, **roles.worker.environment, **self.environment},
            entrypoint=(INTERPRETERS[0], *WAITING),
            command=(),
            memory_bytes=max(role.memory.bytes for role in (roles.api, roles.worker)),
            pids_limit=max(role.processes for role in (roles.api, roles.worker)),
        )

    def _role(self, container: str, role: RoleName) -> ContainerSpec:
        settings = self.role(role)
        return ContainerSpec(
            **self._common(container),
            image=self.image,
            command=settings.command or (),
            environment={**self.settings.smoke.environment, **settings.environment, **self.environment},
            volumes={self.run.name: self.settings.smoke.data} if self.settings.smoke.data else {},
            memory_bytes=settings.memory.bytes,
            pids_limit=settings.processes,
        )

    def _common(self, container: str) -> _Common:
        return {
            "name": self.name(container),
            "network": self.run.name,
            "aliases": (container,),
            "labels": self.run.labels,
            "health_command": _NO_HEALTH_CHECK,
        }


@contextmanager
def running(stack: Stack, note: Callable[[str], None]) -> Iterator[Stack]:
    """Make the network and the volume; remove whatever the run made at the end, unless it is to be kept.

    No first signal interrupts this: `Interruption` is not looked at here. `note` is told what is left.
    """
    try:
        stack.engine.create_network(stack.run.name, stack.run.labels)
        stack.engine.create_volume(stack.run.name, stack.run.labels)
        yield stack
    finally:
        if not stack.run.keep:
            runs.remove(stack.engine, stack.run.id, note)
