"""The values that a reader of compose files gives: a project, its services and what belongs to them.

A value that a file does not set is None, or empty. Times are seconds, sizes are bytes, paths are absolute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Condition = Literal["service_started", "service_healthy", "service_completed_successfully"]
"""What a service waits for in another one before it starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeBuild:
    """What an image is built from."""

    context: str
    """The absolute path of a folder, or the URL of a repository or an archive."""
    dockerfile: str = "Dockerfile"
    """A path in the context."""
    target: str | None = None
    args: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeHealthcheck:
    """How a service's health is asked for; None stands for what its image says."""

    test: tuple[str, ...] | None = None
    """`CMD` and a command's words, or `CMD-SHELL` and a line for the shell."""
    interval: float | None = None
    timeout: float | None = None
    retries: int | None = None
    start_period: float | None = None
    disabled: bool = False
    """Whether the image's own check is switched off, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeVolume:
    """What is mounted into a service."""

    kind: Literal["volume", "bind", "tmpfs"]
    target: str
    source: str | None = None
    """A volume's name, None if it has none; a bind mount's absolute path on the host; None for a tmpfs."""
    read_only: bool = False
    size_bytes: int | None = None
    """The size of a tmpfs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeTmpfs:
    """A tmpfs of the short form, under the key `tmpfs`."""

    target: str
    size_bytes: int | None = None
    mode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeFile:
    """A secret or a configuration that a service finds as a file: a file of the host, or a text."""

    name: str
    """Its key at the top of the compose file."""
    target: str
    """The absolute path in the container."""
    path: Path | None = None
    content: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeService:
    """A service, with all that its files and those that it extends say of it."""

    name: str
    image: str | None = None
    build: ComposeBuild | None = None
    command: tuple[str, ...] | None = None
    """None stands for the image's own; an empty one removes it."""
    entrypoint: tuple[str, ...] | None = None
    """None stands for the image's own; an empty one removes it."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """With what its env files hold, and without variables that have no value."""
    user: str | None = None
    ports: tuple[int, ...] = ()
    """The container's TCP ports that the host publishes."""
    expose: tuple[int, ...] = ()
    """The container's TCP ports that other services use."""
    healthcheck: ComposeHealthcheck | None = None
    depends_on: Mapping[str, Condition] = field(default_factory=dict)
    """Only services that are active."""
    container_name: str | None = None
    """A name by which other services reach it, too."""
    hostname: str | None = None
    """The name of its host, as it sees it itself."""
    networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of a network -> the service's aliases there, besides its name."""
    volumes: tuple[ComposeVolume, ...] = ()
    tmpfs: tuple[ComposeTmpfs, ...] = ()
    read_only: bool = False
    stop_grace_period: float | None = None
    stop_signal: str | None = None
    working_dir: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict, repr=False)
    profiles: tuple[str, ...] = ()
    restart: str | None = None
    replicas: int = 1
    secrets: tuple[ComposeFile, ...] = ()
    configs: tuple[ComposeFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeProject:
    """The active services of compose files."""

    name: str
    services: Mapping[str, ComposeService]
    notes: tuple[str, ...] = ()
    """What was not understood and is left out, or was replaced: a sentence without a full stop for each."""
