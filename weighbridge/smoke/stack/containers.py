"""The stack of one run: a private network, a volume, and containers for services, roles, and a client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from weighbridge.engine.protocol import Engine
from weighbridge.errors import EngineFault
from weighbridge.model.container import ContainerState, Created, Streams
from weighbridge.settings.project import Settings
from weighbridge.settings.roles import Role
from weighbridge.smoke.rule_failed import RoleEnded
from weighbridge.smoke.stack import exit_reason, redaction, runs
from weighbridge.smoke.stack.blueprint import INTERPRETERS, Blueprint, ContainerKind
from weighbridge.smoke.stack.observations import Observations
from weighbridge.smoke.stack.runs import Run
from weighbridge.smoke.stack.services import Plan
from weighbridge.smoke.stack.signals import Interruption

LOG_LINES = 20
_WATCH_SECONDS = 0.5
"""How often to look whether a role has ended, while a rule waits for something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The containers of one run, by name. `run_stack` sets up its network and volume, and removes all at the end."""

    engine: Engine
    blueprint: Blueprint
    interruption: Interruption
    project: Path = Path()
    """The project's folder, from which the paths in the settings start."""
    observed: Observations = field(default_factory=Observations)
    """What rules have seen so far; the only part of a stack that changes."""

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.blueprint.settings

    @property
    def services(self) -> Mapping[str, str]:
        """Name of a service -> reference of an image that the engine has for it."""
        return self.blueprint.services

    @property
    def run(self) -> Run:
        """The run that the stack belongs to."""
        return self.blueprint.run

    @property
    def api(self) -> str:
        """The first role that answers HTTP; rules ask for it only if there is one."""
        return self.settings.api_names[0]

    def get_interpreters(self, container: str) -> tuple[str, ...]:
        """Return the names of interpreters to try in a container; once a rule has found the image's, that alone."""
        known = self.observed.interpreters.get(self.observed.keys.get(container, self.blueprint.cast.main))
        return (known,) if known else INTERPRETERS

    def build_name(self, container: str) -> str:
        """Return the engine's name of a container."""
        return self.blueprint.build_name(container)

    def get_client(self, role: str) -> str:
        """Return the container from which commands about a role are sent: it runs from the same image."""
        return self.blueprint.name_client(self.blueprint.find_key(role))

    def start(self, kind: ContainerKind, container: str = "", **changes: Any) -> Created:
        """Create and start a container.

        Args:
            kind: The name of a role, of a service or of a command that runs before, or another container's.
            container: Its name, by which the others reach it; empty: its kind.
            changes: Fields of its `ContainerSpec` that get other values.

        Raises:
            EngineFault: It does not start, or the stack is being removed.
        """
        with self.observed.gate.pass_through():
            return self._start(kind, container or kind, changes)

    def _start(self, kind: ContainerKind, container: str, changes: Mapping[str, Any]) -> Created:
        spec = replace(self.blueprint.build_spec(kind, container), **changes)
        if kind in self.services:
            self._create_folders(kind)
        else:
            for volume in spec.volumes:
                if volume != self.run.name and self.run.name in volume and volume != self.blueprint.trust_volume:
                    self.engine.create_volume(volume, self.run.labels)  # the engine would make it without our labels
        created = self.engine.create_container(spec)
        if kind not in self.services:
            self.observed.keys[container] = self.blueprint.find_key(kind)
        self.engine.start(created.id)
        return created

    def pause(self) -> None:
        """Pause for a moment between two looks.

        Raises:
            RoleEnded: A role has ended that has to run.
        """
        self.interruption.pause()
        self.check_alive(every=_WATCH_SECONDS)

    def check_alive(self, *, every: float = 0) -> None:
        """Make sure that every role still runs that was started and not told to stop.

        Args:
            every: Ask the engine only if it was last asked at least so many seconds ago.

        Raises:
            RoleEnded: One has ended.
        """
        if not self.observed.watched or time.monotonic() < self.observed.looked_at + every:
            return
        self.observed.looked_at = time.monotonic()
        for role in [*self.observed.watched]:
            state = self.read_state(role)
            if not state.running:
                self.observed.watched.discard(role)
                raise RoleEnded(role, state)

    def read_state(self, container: str) -> ContainerState:
        """Return the state of a container now."""
        return self.engine.read_state(self.build_name(container))

    def read_log(self, container: str, lines: int | None = LOG_LINES) -> str:
        """Return the end of a container's log without secrets and without the last line break; empty if it has none."""
        try:
            return self.mask(self.engine.read_log(self.build_name(container), lines).rstrip())
        except EngineFault:
            return ""

    def read_streams(self, container: str, lines: int | None = LOG_LINES) -> Streams:
        """Return the same as `read_log`, but each output stream by itself."""
        try:
            output, errors = self.engine.read_streams(self.build_name(container), lines)
        except EngineFault:
            return Streams()
        return self.mask_streams(Streams(output=output.rstrip(), errors=errors.rstrip()))

    def find_error(self, container: str) -> str:
        """Return in one line the error that a container's log reports; empty if it reports none."""
        return exit_reason.find_error(self.read_streams(container, exit_reason.LINES), self.settings.smoke.log_errors)

    def mask(self, text: str) -> str:
        """Return a text with `***` in place of the secrets that the containers were given or sent."""
        return redaction.mask(
            text, redaction.collect_secrets(self.settings, self.blueprint.environment) | self.observed.secrets
        )

    def mask_streams(self, streams: Streams) -> Streams:
        """Return what a program wrote without secrets; this comes before any cut, which could leave half of one."""
        return Streams(output=self.mask(streams.output), errors=self.mask(streams.errors))

    def remove(self, container: str) -> None:
        """Remove a container and keep its log."""
        self.observed.logs[container] = self.read_log(container, None)
        self.observed.began.pop(container, None)
        self.engine.remove_container(self.build_name(container))

    def wait(self, container: str, enough: Callable[[ContainerState], bool], seconds: float) -> ContainerState:
        """Return the container's first state for which `enough` is true, or its state when the time is up."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.read_state(container)
            if enough(state) or time.monotonic() > deadline:
                return state
            self.interruption.pause()

    def get_plan(self, service: str) -> Plan:
        """Return how a service runs."""
        return self.blueprint.get_plan(service)

    def get_role(self, role: str) -> Role:
        """Return the settings of a role."""
        return self.settings.get_role(role)

    def build_command_line(self, role: str) -> tuple[str, ...]:
        """Return the whole command line of a role, its program first."""
        return self.blueprint.build_command_line(role)

    def describe_out_of_memory(self, role: str) -> str:
        """Return a message on a role that ran out of memory: its limit, and what to do."""
        limit = self.get_role(role).memory.written
        return f"reached its limit of {limit} of memory; let it take less, or raise roles.{role}.memory"

    def _create_folders(self, service: str) -> None:
        """Create the volumes of a service: each is in memory, and is lost when no container has it any more."""
        mounts = self.get_plan(service).tmpfs
        for volume, path in self.blueprint.build_service_volumes(service).items():
            options = {"type": "tmpfs", "device": "tmpfs", "o": mounts[path]}
            self.engine.create_volume(volume, self.run.labels, options)


@contextmanager
def run_stack(stack: Stack, note: Callable[[str], None]) -> Iterator[Stack]:
    """Make the network and the volume; at the end remove all that the run made, unless the user wants to keep it.

    A first signal does not interrupt this, because nothing here checks `Interruption`. `note` gets a sentence on each
    thing that could not be removed.
    """
    try:
        stack.engine.create_network(stack.run.name, stack.run.labels)
        stack.engine.create_volume(stack.run.name, stack.run.labels)
        if stack.settings.smoke.stubs:
            stack.engine.create_volume(stack.blueprint.trust_volume, stack.run.labels)
        yield stack
    finally:
        with ExitStack() as steps:  # the last is done first, and each also if another fails
            if not stack.run.keep:
                steps.callback(runs.remove, stack.engine, stack.run.id, note)
            stack.observed.gate.close()
            for program in [*stack.observed.standing.values()]:
                steps.callback(program.end)
