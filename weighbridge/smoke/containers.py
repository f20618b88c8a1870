"""The stack of one run: a private network, a volume, Redis, the API and the worker, all removed at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypedDict

from weighbridge.containers import ContainerSpec, ContainerState, Created
from weighbridge.engine import Engine
from weighbridge.errors import EngineFault
from weighbridge.settings import Role, Settings
from weighbridge.smoke import runs
from weighbridge.smoke.runs import Run
from weighbridge.smoke.signals import Interruption

LOG_LINES = 20
_HEALTH_INTERVAL_SECONDS = 0.5
_SHARED_ENVIRONMENT = {"REDIS_URL": "redis://redis:6379/0", "DATABASE_URL": "sqlite:////data/weighbridge.db"}


class _Common(TypedDict):
    """What the specs of all containers of a run share."""

    name: str
    network: str
    aliases: tuple[str, ...]
    labels: Mapping[str, str]
    health_interval_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The containers of one run, by role: `redis`, `api` and `worker`. `running` makes one and takes it down."""

    engine: Engine
    settings: Settings
    image: str
    redis: str
    run: Run
    interruption: Interruption

    def name(self, role: str) -> str:
        """Return the name of a role's container."""
        return f"{self.run.name}-{role}"

    def start(self, role: str) -> Created:
        """Create and start a role's container."""
        created = self.engine.create_container(self._redis() if role == "redis" else self._role(role))
        self.engine.start(created.id)
        return created

    def state(self, role: str) -> ContainerState:
        """Return the state of a role's container now."""
        return self.engine.state(self.name(role))

    def log(self, role: str, lines: int = LOG_LINES) -> str:
        """Return the end of a role's log, without the last line break; empty where there is no container."""
        try:
            return self.engine.log(self.name(role), lines).rstrip()
        except EngineFault:
            return ""

    def wait(self, role: str, enough: Callable[[ContainerState], bool], seconds: float) -> ContainerState:
        """Return the first state that is enough, or the last one when the time is up."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.state(role)
            if enough(state) or time.monotonic() > deadline:
                return state
            self.interruption.pause()

    def role(self, role: str) -> Role:
        """Return the settings of `api` or `worker`."""
        return self.settings.roles.api if role == "api" else self.settings.roles.worker

    def _redis(self) -> ContainerSpec:
        """Redis keeps nothing on disk. Its user has this number in the official image and in our stand-in."""
        return ContainerSpec(
            **self._common("redis"),
            image=self.redis,
            command=("redis-server", "--save", "", "--appendonly", "no", "--protected-mode", "no"),
            user="999",
            tmpfs={"/data": "mode=1777,size=64m"},
            health_command=("CMD", "redis-cli", "ping"),
        )

    def _role(self, role: str) -> ContainerSpec:
        settings = self.role(role)
        return ContainerSpec(
            **self._common(role),
            image=self.image,
            command=settings.command or (),
            environment={**_SHARED_ENVIRONMENT, **settings.environment},
            volumes={self.run.name: "/data"},
        )

    def _common(self, role: str) -> _Common:
        return {
            "name": self.name(role),
            "network": self.run.name,
            "aliases": (role,),
            "labels": self.run.labels,
            "health_interval_seconds": _HEALTH_INTERVAL_SECONDS,
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
