"""How a container runs that is started from an image of the project: a role of the smoke test, or a one-off command."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from weighbridge.settings.names import Alias, Folder, RoleName, User
from weighbridge.settings.values import (
    Argument,
    Bytes,
    Command,
    FilePath,
    Name,
    Reference,
    Section,
    Size,
    TextOr,
    require_match,
)

_LEAST_MEMORY_BYTES = 6 * 2**20
Writable = Annotated[
    str,
    StringConstraints(max_length=4096),
    require_match(
        r"(?:[a-z0-9][a-z0-9_.-]*:)?(?:/[A-Za-z0-9_.-]+)+",
        "absolute path of a folder, such as `/cache` or `files:/cache`",
    ),
]
"""A folder that takes files; with a name before it, all containers that use this name share what is in there."""


class FileText(Section):
    """A file whose text is in the settings."""

    content: Argument


Mounts = dict[Folder, TextOr[FileText]]


class Container(Section):
    """A container of the smoke test that runs from an image of the project."""

    variant: Name | None = None
    """Key of `variants`: it always runs from this one. None: from the variant that is tested."""
    image: Reference | None = None
    """A ready image that it runs from instead, which the engine has."""
    entrypoint: Command | None = None
    """None: the entrypoint of the image."""
    command: Command | None = None
    """None: the command of the image."""
    user: User | None = None
    """Name or number of the user, with a group if need be. None: that of the image."""
    working_dir: Folder | None = None
    """None: that of the image."""
    environment: dict[Argument, Argument] = {}
    env_file: tuple[FilePath, ...] = ()
    """Files with further variables, in Compose's syntax, from the project's folder; `environment` wins."""
    aliases: tuple[Alias, ...] = ()
    """Further names by which the other containers reach it."""
    memory: Bytes = Size(512 * 2**20, "512 MiB")
    """How much memory its container may use; if it uses more, the kernel kills a process."""
    processes: int = Field(default=128, ge=8, le=4_194_304)
    """How many processes and threads its container may have, with the engine's init and the commands that we run."""
    writable: tuple[Writable, ...] = ()
    """Folders, besides /tmp and `smoke.data`, that take files; as `NAME:/folder` all containers share what is there."""
    read_only: bool = True
    """Whether its root file system is read-only under the profile `hardened`; false is reported as waived."""
    mounts: Mounts = {}
    """Path in the container -> file or folder of the project, or a text; a copy of it is there, and is read-only."""

    @field_validator("env_file", mode="before")
    @classmethod
    def _wrap_env_file(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("memory")
    @classmethod
    def _check_memory(cls, value: Size) -> Size:
        if value.bytes < _LEAST_MEMORY_BYTES:
            raise ValueError(f"{value.written} is below 6 MiB, the least that an engine gives a container")
        return value

    @model_validator(mode="after")
    def _check_image(self) -> Self:
        if self.variant and self.image:
            raise ValueError("it runs from one image: give `variant` or `image`")
        return self

    @property
    def image_key(self) -> str | None:
        """The variant or the image that it always runs from; None: the variant that is tested."""
        return self.variant or self.image


class Before(Container):
    """A command that runs once, and ends, before any role starts, such as a migration."""

    role: RoleName | None = None
    """The role whose image, variables, folders and files it has. None: the first of kind `api`, unless it names an
    image of its own."""
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] | None = None
    """How long it may take. None: as long as a role may take to become healthy."""
