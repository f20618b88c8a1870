"""What we ask of a container engine, whoever speaks to it: builds, proofs and sources know an engine by this alone.

Methods raise `NoSuchImage`, `EngineFault` (the engine answered with an error) or `NoEngine` (it went away), and nothing
of the library that an implementation speaks through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from weighbridge.model.engine import ContainerSpec, ContainerState, Created, LocalImage
from weighbridge.model.report import EngineIdentity

LABEL = "weighbridge"
"""Everything that we make in an engine carries this label, so that `invoke clean` finds it and nothing else."""
TIMED_OUT = 124
"""Exit code of a command that was given up, as that of coreutils' `timeout`."""


class Engine(Protocol):
    """A running container engine."""

    @property
    def host(self) -> str:
        """URL of the engine, as DOCKER_HOST takes it."""

    @property
    def described(self) -> str:
        """The engine in one line, for people."""

    @property
    def identity(self) -> EngineIdentity:
        """Version, image store and platform of the engine."""

    def image(self, reference: str) -> LocalImage:
        """Return what the engine knows of an image; `NoSuchImage` where it has none of that name."""

    def has_image(self, reference: str) -> bool:
        """Tell whether the engine has an image of that name."""

    def named_images(self) -> tuple[LocalImage, ...]:
        """Return all images that have a name; without those that cannot be asked for, as one that is just removed."""

    def save(self, references: Sequence[str]) -> AbstractContextManager[BinaryIO]:
        """Open one `docker save` stream of all the images, to be read front to back.

        Layers that several images share come once. Nothing touches the disk on this side.
        """

    def pull(self, reference: str) -> None:
        """Pull an image; `NoBaseImage` where no registry answers, none has it, or nothing comes for long."""

    def tag(self, image: str, reference: str) -> None:
        """Give an image one more name; who had that name loses it."""

    def push(self, reference: str, on_progress: Callable[[int], None]) -> str:
        """Push the image of that name, telling the bytes sent; return its digest in the registry. See `PushRefused`."""

    def remove_image(self, reference: str) -> bool:
        """Remove an image, or only its name where others keep it; False where it is gone or a container uses it."""

    def labelled_images(self, label: str) -> tuple[str, ...]:
        """Return the names of all images with that label, and the ids of those that have none, nor a digest to pull."""

    def create_container(self, spec: ContainerSpec) -> Created:
        """Create a container, not yet running."""

    def start(self, container: str) -> None:
        """Start a container; `EngineFault` tells why it cannot, such as a command that does not exist."""

    def remove_container(self, container: str) -> bool:
        """Remove a container, running or not; False where it is gone already."""

    def state(self, container: str) -> ContainerState:
        """Return the state of a container now."""

    def log(self, container: str, lines: int | None = 1000, *, times: bool = False) -> str:
        """Return the end of a container's output, all with None; with `times`, each line begins with its own."""

    def execute(
        self, container: str, command: Sequence[str], seconds: float = 60, on_line: Callable[[str], None] | None = None
    ) -> tuple[int, str]:
        """Run a command in a running container; return its exit code and its output, both streams.

        Args:
            container: A running container.
            command: Program and arguments.
            seconds: It is given up, with `TIMED_OUT`, when it has been silent for that long.
            on_line: Is told each whole line of output at once.
        """

    def users(self, container: str) -> frozenset[int]:
        """Return who a container's processes run as, outside; `EngineFault` where `ps` there does not tell."""

    def signal(self, container: str, name: str) -> None:
        """Send a signal, such as `SIGTERM`, to a container's first process."""

    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a bridge network that leads nowhere, in a subnet of ours where the engine has none left."""

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a volume of the local driver."""

    def remove_labelled(self, label: str) -> int:
        """Remove all containers, networks and volumes with `label` (`key` or `key=value`); return how many.

        What is in use, or somebody else removes at the same time, neither counts nor fails.
        """

    def held(self, label: str) -> tuple[str, ...]:
        """Tell which networks and volumes with `label` are used by containers without it, and by which."""

    def label_values(self, label: str) -> frozenset[str]:
        """Return the values of `label` on all containers, networks and volumes that carry it."""
