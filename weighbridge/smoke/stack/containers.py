"""The stack of one run: a private network, a volume, and containers for services, both roles, and a client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypedDict

from weighbridge.engine.protocol import Engine
from weighbridge.errors import EngineFault
from weighbridge.model.engine import ContainerSpec, ContainerState, Created, Streams
from weighbridge.model.smoke import RoleName
from weighbridge.settings.project import Settings
from weighbridge.settings.smoke import Role
from weighbridge.smoke.stack import exit_reason, redaction, runs
from weighbridge.smoke.stack.observations import Observations
from weighbridge.smoke.stack.runs import Run
from weighbridge.smoke.stack.services import Plan, build_plan
from weighbridge.smoke.stack.signals import Interruption

API: Final = "api"
WORKER: Final = "worker"
CLIENT: Final = "client"
"""A container that runs from the image, too: it only waits, and all requests and commands are sent from it."""
STUBS: Final = "stubs"
"""A container that runs from the image and answers in place of third parties; only if the settings have any."""
KEEPER: Final = "keeper"
"""A container that keeps a service's folders in memory while that service is down."""
ContainerKind = str
"""`api`, `worker`, `client`, `stubs` or `keeper`; any other is the name of a service."""
AUTHORITY = "/run/weighbridge/ca.pem"
"""The certificate authority of stubs, in the containers that have to trust it."""
_TRUST = {"SSL_CERT_FILE": AUTHORITY, "REQUESTS_CA_BUNDLE": AUTHORITY}
_ANY_PORT = {"net.ipv4.ip_unprivileged_port_start": "0"}
"""Lets a process without capabilities listen on ports 80 and 443. Docker does that by itself, other engines do not."""
LOG_LINES = 20
INTERPRETERS = ("python", "python3")
_NO_HEALTH_CHECK = ("NONE",)
"""We run health checks ourselves. An engine would run each of them every half second, which keeps a processor busy."""
WAITING = ("-I", "-S", "-c", "import signal, sys; signal.signal(signal.SIGTERM, sys.exit); signal.pause()")
"""Arguments with which an interpreter waits for SIGTERM and does nothing else."""


class _Common(TypedDict):
    """The fields that the specs of all containers of a run have in common."""

    name: str
    network: str
    aliases: tuple[str, ...]
    labels: Mapping[str, str]
    health_command: tuple[str, ...]
    cpus: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The containers of one run, by name. `run_stack` sets up its network and volume, and removes all at the end."""

    engine: Engine
    settings: Settings
    image: str
    services: Mapping[str, str]
    """Name of a service -> reference of an image that the engine has for it."""
    run: Run
    interruption: Interruption
    project: Path = Path()
    """The project's folder, from which the paths in the settings start."""
    entrypoint: tuple[str, ...] = ()
    """The entrypoint of the image."""
    command: tuple[str, ...] = ()
    """The command of the image."""
    health_check: tuple[str, ...] = ()
    """The image's health check as Docker has it: `CMD` and words, or `CMD-SHELL` and a line; empty or `NONE`: none."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of both roles, which override those of the settings."""
    observed: Observations = field(default_factory=Observations)
    """What rules have seen so far; the only part of a stack that changes."""

    @property
    def interpreters(self) -> tuple[str, ...]:
        """Names of interpreters to try; once a rule has found the image's interpreter, its name alone."""
        known = self.observed.interpreter
        return (known,) if known else INTERPRETERS

    @property
    def trust_volume(self) -> str:
        """The engine's name of the volume that holds the certificate authority of stubs."""
        return f"{self.run.name}-trust"

    def build_name(self, container: str) -> str:
        """Return the engine's name of a container."""
        return f"{self.run.name}-{container}"

    def start(self, kind: ContainerKind, container: str = "", **changes: Any) -> Created:
        """Create and start a container.

        Args:
            kind: Which of the usual containers to start, or the name of a service.
            container: Its name, by which the others reach it; empty: its kind.
            changes: Fields of its `ContainerSpec` that get other values.
        """
        spec = replace(self._build_spec(kind, container or kind), **changes)
        if kind in self.services:
            self._create_folders(kind)
        created = self.engine.create_container(spec)
        self.engine.start(created.id)
        return created

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
        return redaction.mask(text, redaction.collect_secrets(self.settings, self.environment) | self.observed.secrets)

    def mask_streams(self, streams: Streams) -> Streams:
        """Return what a program wrote without secrets; this comes before any cut, which could leave half of one."""
        return Streams(output=self.mask(streams.output), errors=self.mask(streams.errors))

    def remove(self, container: str) -> None:
        """Remove a container and keep its log."""
        self.observed.logs[container] = self.read_log(container, None)
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
        return build_plan(service, self.settings.services[service], self.services[service])

    def build_volumes(self, service: str) -> dict[str, str]:
        """Return volume -> path of the folders of a service that outlive it as long as another container has them."""
        plan = self.get_plan(service)
        folders = plan.folders if plan.keeps_data else ()
        return {f"{self.build_name(service)}-{number}": path for number, path in enumerate(folders)}

    def get_role(self, role: RoleName) -> Role:
        """Return the settings of `api` or `worker`."""
        return self.settings.roles.api if role == API else self.settings.roles.worker

    def build_command_line(self, role: RoleName) -> tuple[str, ...]:
        """Return the whole command line of a role, its program first."""
        return (*self.entrypoint, *(self.get_role(role).command or self.command))

    def describe_out_of_memory(self, role: RoleName) -> str:
        """Return a message on a role that ran out of memory: its limit, and what to do."""
        limit = self.get_role(role).memory.written
        return f"reached its limit of {limit} of memory; let it take less, or raise roles.{role}.memory"

    def _build_spec(self, kind: ContainerKind, container: str) -> ContainerSpec:
        if kind in self.services:
            return self._build_service_spec(container, self.get_plan(kind))
        if kind == STUBS:
            return self._build_stubs_spec(container)
        if kind in {CLIENT, KEEPER}:
            return self._build_client_spec(container)
        return self._build_role_spec(container, API if kind == API else WORKER)

    def _build_service_spec(self, container: str, plan: Plan) -> ContainerSpec:
        """Return the spec of a service. It is not what is tested, so it may write wherever its image lets it."""
        common = self._build_common_fields(container)
        common["aliases"] += plan.aliases
        return ContainerSpec(
            **common,
            image=plan.image,
            command=plan.command,
            user=plan.user,
            environment=plan.environment,
            volumes=self.build_volumes(plan.name),
            tmpfs={} if plan.keeps_data else plan.tmpfs,
            read_only=plan.hardened,
            drop_capabilities=plan.dropped,
            memory_bytes=plan.memory_bytes,
            pids_limit=plan.processes,
        )

    def _build_stubs_spec(self, container: str) -> ContainerSpec:
        """Return the spec of a container that may write what roles trust: only root can, into a new volume."""
        spec = ContainerSpec(
            **self._build_common_fields(container),
            image=self.image,
            user="0:0",
            volumes={self.trust_volume: str(PurePosixPath(AUTHORITY).parent)},
            sysctls=_ANY_PORT,
        )
        return replace(spec, aliases=(container, *self.settings.smoke.stubs))

    def _create_folders(self, service: str) -> None:
        """Create the volumes of a service: each is in memory, and is lost when no container has it any more."""
        mounts = self.get_plan(service).tmpfs
        for volume, path in self.build_volumes(service).items():
            options = {"type": "tmpfs", "device": "tmpfs", "o": mounts[path]}
            self.engine.create_volume(volume, self.run.labels, options)

    def _build_client_spec(self, container: str) -> ContainerSpec:
        spec, roles = self._build_role_spec(container, API), self.settings.roles
        # The commands of the settings run here, and most of them concern the worker.
        return replace(
            spec,
            environment={**spec.environment, **roles.worker.environment, **self.environment},
            entrypoint=(INTERPRETERS[0], *WAITING),
            command=(),
            memory_bytes=max(role.memory.bytes for role in (roles.api, roles.worker)),
            pids_limit=max(role.processes for role in (roles.api, roles.worker)),
        )

    def _build_role_spec(self, container: str, role: RoleName) -> ContainerSpec:
        settings = self.get_role(role)
        return ContainerSpec(
            **self._build_common_fields(container),
            image=self.image,
            command=settings.command or (),
            environment={
                **(_TRUST if self.settings.smoke.stubs else {}),
                **self.settings.smoke.environment,
                **settings.environment,
                **self.environment,
            },
            read_only_mounts=(
                {self.trust_volume: str(PurePosixPath(AUTHORITY).parent)} if self.settings.smoke.stubs else {}
            ),
            volumes={self.run.name: self.settings.smoke.data} if self.settings.smoke.data else {},
            memory_bytes=settings.memory.bytes,
            pids_limit=settings.processes,
            file_bytes=self.settings.smoke.data_limit.bytes if self.settings.smoke.data else 0,
        )

    def _build_common_fields(self, container: str) -> _Common:
        return {
            "name": self.build_name(container),
            "network": self.run.name,
            "aliases": (container,),
            "labels": self.run.labels,
            "health_command": _NO_HEALTH_CHECK,
            "cpus": self.settings.smoke.cpus,
        }


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
            stack.engine.create_volume(stack.trust_volume, stack.run.labels)
        yield stack
    finally:
        if not stack.run.keep:
            runs.remove(stack.engine, stack.run.id, note)
