"""Builds the spec of each container of a stack: which image it runs from, what it is given, and how it is confined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Final, TypedDict

from weighbridge.model.container import TMP, ContainerSpec
from weighbridge.model.scan import ScannedImage
from weighbridge.settings.containers import Before, Container
from weighbridge.settings.project import Settings
from weighbridge.smoke.stack.cast import Cast
from weighbridge.smoke.stack.runs import Run
from weighbridge.smoke.stack.services import Plan, build_plan

CLIENT: Final = "client"
"""A container that runs from the main image, too: it only waits, and requests and commands are sent from it. For each
further image there is another one, whose name begins with this."""
STUBS: Final = "stubs"
"""A container that runs from the main image and answers in place of third parties; only if the settings have any."""
KEEPER: Final = "keeper"
"""A container that keeps a service's folders in memory while that service is down."""
ContainerKind = str
"""The name of a role, of a service or of a command that runs before, or one of the names above."""
AUTHORITY = "/run/weighbridge/ca.pem"
"""The certificate authority of stubs, in the containers that have to trust it."""
_TRUST = {"SSL_CERT_FILE": AUTHORITY, "REQUESTS_CA_BUNDLE": AUTHORITY}
_ANY_PORT = {"net.ipv4.ip_unprivileged_port_start": "0"}
"""Lets a process without capabilities listen on ports 80 and 443. Docker does that by itself, other engines do not."""
INTERPRETERS = ("python", "python3")
WAITING = ("-I", "-S", "-c", "import signal, sys; signal.signal(signal.SIGTERM, sys.exit); signal.pause()")
"""Arguments with which an interpreter waits for SIGTERM and does nothing else."""
_NO_HEALTH_CHECK = ("NONE",)
"""We run health checks ourselves. An engine would run each of them every half second, which keeps a processor busy."""


class _Common(TypedDict):
    """The fields that the specs of all containers of a run have in common."""

    name: str
    network: str
    aliases: tuple[str, ...]
    labels: Mapping[str, str]
    health_command: tuple[str, ...]
    cpus: float


class _Confinement(TypedDict):
    """The fields that say what a container may do."""

    read_only: bool
    drop_capabilities: tuple[str, ...]
    security_options: tuple[str, ...]
    tmpfs: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """How the containers of one run are built."""

    settings: Settings
    cast: Cast
    services: Mapping[str, str]
    """Name of a service -> reference of an image that the engine has for it."""
    run: Run
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of all roles, which override those of the settings."""
    copies: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Name of a container and path in it -> the file or folder of this machine that is mounted there."""

    @property
    def is_hardened(self) -> bool:
        """Whether roles run on a read-only root and without privileges."""
        return self.settings.smoke.profile == "hardened"

    @property
    def trust_volume(self) -> str:
        """The engine's name of the volume that holds the certificate authority of stubs."""
        return f"{self.run.name}-trust"

    def build_name(self, container: str) -> str:
        """Return the engine's name of a container."""
        return f"{self.run.name}-{container}"

    def name_client(self, key: str) -> str:
        """Return the container from which commands are sent to an image."""
        place = [*self.cast.images].index(key)
        return f"{CLIENT}-{place + 1}" if place else CLIENT

    @property
    def clients(self) -> frozenset[str]:
        """The containers from which commands are sent to the images."""
        return frozenset(map(self.name_client, self.cast.images))

    def find_key(self, kind: ContainerKind) -> str:
        """Return the key of the image that a container of the application runs from."""
        if kind in self.settings.roles:
            return self.cast.find_key(self.settings.roles[kind])
        if kind in self.settings.smoke.before:
            return self.cast.find_key(self.get_before(kind))
        clients = {self.name_client(key): key for key in self.cast.images}
        return clients.get(kind, self.cast.main)

    def find_image(self, kind: ContainerKind) -> ScannedImage:
        """Return the image that a container of the application runs from."""
        return self.cast.get(self.find_key(kind))

    def get_before(self, name: str) -> Before:
        """Return a command that runs before, with what it has from its role."""
        own = self.settings.smoke.before[name]
        role = self.settings.find_role_for(own)
        if not role:
            return own
        of = self.settings.roles[role]
        taken = {
            "variant": own.variant if own.image_key else of.variant,
            "image": own.image if own.image_key else of.image,
            "user": own.user or of.user,
            "working_dir": own.working_dir or of.working_dir,
            "environment": {**of.environment, **own.environment},
            "writable": tuple(dict.fromkeys((*of.writable, *own.writable))),
            "mounts": {**of.mounts, **own.mounts},
        }
        return own.model_copy(update=taken)

    def get_plan(self, service: str) -> Plan:
        """Return how a service runs."""
        return build_plan(service, self.settings.services[service], self.services[service])

    def build_service_volumes(self, service: str) -> dict[str, str]:
        """Return volume -> path of the folders of a service that outlive it as long as another container has them."""
        plan = self.get_plan(service)
        folders = plan.folders if plan.keeps_data else ()
        return {f"{self.build_name(service)}-{number}": path for number, path in enumerate(folders)}

    def build_command_line(self, role: str) -> tuple[str, ...]:
        """Return the whole command line of a role, its program first."""
        settings, image = self.settings.roles[role], self.find_image(role)
        if settings.entrypoint:
            return (*settings.entrypoint, *(settings.command or ()))
        return (*image.entrypoint, *(settings.command or image.command))

    def build_spec(self, kind: ContainerKind, container: str) -> ContainerSpec:
        """Return the spec of a container.

        Args:
            kind: Which of the usual containers it is.
            container: Its name, by which the others reach it.
        """
        if kind in self.services:
            return self._build_service_spec(container, self.get_plan(kind))
        if kind == STUBS:
            return self._build_stubs_spec(container)
        if kind in self.settings.roles:
            return self._build_own_spec(container, kind, self.settings.roles[kind])
        if kind in self.settings.smoke.before:
            return self._build_own_spec(container, kind, self.get_before(kind))
        return self._build_client_spec(container, self.find_key(kind))

    def _build_service_spec(self, container: str, plan: Plan) -> ContainerSpec:
        """Return the spec of a service. It is not what is tested, so it may write wherever its image lets it."""
        common = self._build_common_fields(container)
        common["aliases"] += plan.aliases
        return ContainerSpec(
            **common,
            image=plan.image,
            entrypoint=plan.entrypoint,
            command=plan.command,
            user=plan.user,
            environment=plan.environment,
            volumes=self.build_service_volumes(plan.name),
            read_only_mounts=self._list_copies(plan.name),
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
            image=self.cast.get(self.cast.main).image_id,
            user="0:0",
            volumes={self.trust_volume: str(PurePosixPath(AUTHORITY).parent)},
            sysctls=_ANY_PORT,
        )
        return replace(spec, aliases=(container, *self.settings.smoke.stubs))

    def _build_client_spec(self, container: str, key: str) -> ContainerSpec:
        """Return the spec of a container that has what the roles of an image have, so that their commands work."""
        roles = {name: role for name, role in self.settings.roles.items() if self.cast.find_key(role) == key}
        # Commands of the settings run here, and most of them concern the first worker.
        by_weight = sorted(roles.values(), key=lambda role: role.kind == "worker", reverse=True)
        environment = {name: text for role in reversed(by_weight) for name, text in role.environment.items()}
        return ContainerSpec(
            **self._build_common_fields(container),
            **self._confine(is_read_only=True),
            image=self.cast.get(key).image_id,
            entrypoint=(INTERPRETERS[0], *WAITING),
            user=next((role.user for role in by_weight if role.user), ""),
            environment=self._build_environment(environment),
            read_only_mounts=self._list_mounts(*roles),
            volumes=self._list_data(),
            memory_bytes=max((role.memory.bytes for role in roles.values()), default=512 * 2**20),
            pids_limit=max((role.processes for role in roles.values()), default=128),
            file_bytes=self._file_bytes,
        )

    def _build_own_spec(self, container: str, name: str, settings: Container) -> ContainerSpec:
        common = self._build_common_fields(container)
        if container == name:
            common["aliases"] += settings.aliases
        return ContainerSpec(
            **common,
            **self._confine(is_read_only=settings.read_only),
            image=self.find_image(name).image_id,
            hostname=container,
            entrypoint=settings.entrypoint or (),
            command=settings.command or (),
            user=settings.user or "",
            working_dir=settings.working_dir or "",
            environment=self._build_environment(settings.environment),
            read_only_mounts=self._list_mounts(name),
            volumes={**self._list_data(), **self._list_writable(container, settings.writable)},
            memory_bytes=settings.memory.bytes,
            pids_limit=settings.processes,
            file_bytes=self._file_bytes,
        )

    def _confine(self, *, is_read_only: bool) -> _Confinement:
        """Return how a container of the application is confined: under `works`, as an engine does it by default."""
        if self.is_hardened:
            return {
                "read_only": is_read_only,
                "drop_capabilities": ("ALL",),
                "security_options": ("no-new-privileges:true",),
                "tmpfs": TMP,
            }
        return {"read_only": False, "drop_capabilities": (), "security_options": (), "tmpfs": {}}

    def _build_environment(self, own: Mapping[str, str]) -> dict[str, str]:
        trust = _TRUST if self.settings.smoke.stubs else {}
        return {**trust, **self.settings.smoke.environment, **own, **self.environment}

    def _list_mounts(self, *names: str) -> dict[str, str]:
        """Return what containers can only read: volume or path of this machine -> path in the container."""
        trust = {self.trust_volume: str(PurePosixPath(AUTHORITY).parent)} if self.settings.smoke.stubs else {}
        return {**trust, **{source: path for name in names for source, path in self._list_copies(name).items()}}

    def _list_copies(self, name: str) -> dict[str, str]:
        return {source: path for (owner, path), source in self.copies.items() if owner == name}

    def _list_data(self) -> dict[str, str]:
        return {self.run.name: self.settings.smoke.data} if self.settings.smoke.data else {}

    def _list_writable(self, container: str, folders: Iterable[str]) -> dict[str, str]:
        """Return volume -> path of the further folders that take a container's files."""
        found = {}
        for number, each in enumerate(folders):
            shared, _, path = each.rpartition(":")
            volume = f"{self.run.name}-shared-{shared}" if shared else f"{self.build_name(container)}-own-{number}"
            found[volume] = path
        return found

    @property
    def _file_bytes(self) -> int:
        return self.settings.smoke.data_limit.bytes if self.settings.smoke.data else 0

    def _build_common_fields(self, container: str) -> _Common:
        return {
            "name": self.build_name(container),
            "network": self.run.name,
            "aliases": (container,),
            "labels": self.run.labels,
            "health_command": _NO_HEALTH_CHECK,
            "cpus": self.settings.smoke.cpus,
        }
