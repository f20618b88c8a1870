"""Plans how a service runs: by its settings and, where they say nothing, by what is known of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.model.services import find_kind
from weighbridge.settings.services import Service

_ANYBODY = "mode=1777,size={bytes}"
"""Options of a tmpfs that any user may write to, because images run their servers as users of other numbers."""
_UNNEEDED = ("AUDIT_WRITE", "MKNOD", "NET_RAW", "SETFCAP", "SETPCAP", "SYS_CHROOT")
"""Docker's default capabilities, without those by which an entrypoint gives folders to its user and becomes that."""
_ALL = ("ALL",)
_MEMORY_BYTES = 512 * 2**20
_PROCESSES = 128
_MORE_MEMORY_BYTES = 1024 * 2**20
_MORE_PROCESSES = 1024
"""A database or broker starts with more, above all with many threads; beside this, its folders are in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one service runs."""

    name: str
    image: str
    """Reference of an image that the engine has."""
    official: str
    """The image that the settings name."""
    entrypoint: tuple[str, ...]
    """Empty: that of the image."""
    command: tuple[str, ...]
    """Empty: that of the image."""
    user: str
    """Empty: that of the image."""
    environment: Mapping[str, str]
    aliases: tuple[str, ...]
    ready: tuple[str, ...]
    """Command that ends with 0 once the service is ready; empty: it is ready once it runs."""
    answer: str
    """Regular expression that this command's output must match."""
    version: tuple[str, ...]
    """Command that prints the server's version; empty: none is known."""
    version_pattern: str
    folders: Mapping[str, int]
    """Folder in memory -> how many bytes it may hold."""
    keeps_data: bool
    """Whether it finds what these folders held when it starts again, if only they are kept."""
    hardened: bool
    """Whether it runs on a read-only root without capabilities."""

    @property
    def described(self) -> str:
        """The image, for people."""
        return self.image if self.image == self.official else f"{self.image}, our stand-in for {self.official}"

    @property
    def tmpfs(self) -> dict[str, str]:
        """The folders with the options of their mounts."""
        return {path: _ANYBODY.format(bytes=size) for path, size in self.folders.items()}

    @property
    def dropped(self) -> tuple[str, ...]:
        """The capabilities that it runs without."""
        return _ALL if self.hardened else _UNNEEDED

    @property
    def memory_bytes(self) -> int:
        """How much memory it may use, with its folders."""
        return _MEMORY_BYTES if self.hardened else _MORE_MEMORY_BYTES + sum(self.folders.values())

    @property
    def processes(self) -> int:
        """How many processes and threads it may have."""
        return _PROCESSES if self.hardened else _MORE_PROCESSES


def build_plan(name: str, service: Service, image: str) -> Plan:
    """Return how a service runs.

    Args:
        name: The service's name.
        service: Its settings; what they say goes before what is known of the kind of the image that they name.
        image: Reference of the image to use, which may be a stand-in.
    """
    kind = find_kind(service.image)
    written = {path: size.bytes for path, size in service.writable.items()}
    return Plan(
        name=name,
        image=image,
        official=service.image,
        entrypoint=service.entrypoint or (),
        command=service.command or (() if service.entrypoint else kind.command),
        user=kind.user if service.user is None else service.user,
        environment={**kind.environment, **service.environment},
        aliases=service.aliases,
        ready=service.ready or kind.ready,
        answer="" if service.ready else kind.answer,
        version=kind.version,
        version_pattern=kind.version_pattern,
        folders={**kind.folders, **written},
        # A command of the settings may well keep something, as a Redis with `--appendonly yes` does.
        keeps_data=bool(written or kind.folders) and (kind.keeps_data or service.command is not None),
        hardened=kind.hardened,
    )
