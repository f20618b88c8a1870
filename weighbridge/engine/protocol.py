"""What we need from a container engine: builds, smoke tests and sources use an engine only through this protocol.

Its methods raise `NoSuchImage`, `EngineFault` (the engine answered with an error) or `NoEngine` (it went away), and no
exception of the library that an implementation uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from weighbridge.model.container import CommandResult, ContainerSpec, ContainerState, Created, SignalName
from weighbridge.model.engine import DataRoot, LocalImage
from weighbridge.model.report import EngineIdentity

LABEL = "weighbridge"
"""Everything that we make in an engine has this label."""
TIMED_OUT = 124
"""Exit code of a command that took too long, as of coreutils' `timeout`."""


class ImageStore(Protocol):
    """A running container engine, as far as it keeps images: what measuring them needs."""

    @property
    def host(self) -> str:
        """URL of the engine in the form of DOCKER_HOST."""

    @property
    def key(self) -> str:
        """A text that tells this engine from others: its own id, or its URL if it has no id that stays the same."""

    @property
    def described(self) -> str:
        """The engine in one line, for people to read."""

    @property
    def identity(self) -> EngineIdentity:
        """Version, image store and platform of the engine."""

    @property
    def data_root(self) -> DataRoot:
        """Where the engine keeps its images."""

    def inspect_image(self, reference: str) -> LocalImage:
        """Return what the engine knows about an image; raise `NoSuchImage` if it has no image of that name."""

    def has_image(self, reference: str) -> bool:
        """Tell whether the engine has an image of that name."""

    def list_named_images(self) -> tuple[LocalImage, ...]:
        """Return all images that have a name; without those that cannot be asked for, as one that is just removed."""

    @property
    def can_save_at_once(self) -> bool:
        """Whether `save` returns as soon as the engine was asked, so that it can be asked for more at the same time."""

    def save(self, references: Sequence[str]) -> AbstractContextManager[BinaryIO]:
        """Open one `docker save` stream of all the images, to be read from front to back.

        A layer that several images share comes only once. Nothing is written to the disk on this side.
        """


class Conversation(Protocol):
    """A program in a container that reads lines and writes lines."""

    def send(self, line: str) -> None:
        """Send a line; raise `EngineFault` if the program has ended."""

    def receive(self, seconds: float) -> str | None:
        """Return the next line that it prints, or None if nothing came for that long; raise `EngineFault` as above."""

    def close(self) -> None:
        """Let the program end."""


class Engine(ImageStore, Protocol):
    """A running container engine."""

    def pull(self, reference: str) -> None:
        """Pull an image; raise `NoBaseImage` if no registry answers, none has it, or no data comes for too long."""

    def tag(self, image: str, reference: str) -> None:
        """Give an image one more name; an image that had this name loses it."""

    def push(self, reference: str, on_progress: Callable[[int], None]) -> str:
        """Push an image, report the bytes sent, return its digest; raise `PushRefused` if the registry refuses it."""

    def remove_image(self, reference: str) -> bool:
        """Remove an image, or only this name if it has others; return False if it is gone or a container uses it."""

    def list_labelled_images(self, label: str) -> tuple[str, ...]:
        """Return the names of all images with that label; of an image without any name or repository digest, its id.

        Images that stand on a labelled one inherit its label, so the label alone does not tell whose an image is.
        """

    def create_container(self, spec: ContainerSpec) -> Created:
        """Create a container without starting it."""

    def start(self, container: str) -> None:
        """Start a container; raise `EngineFault` if it cannot start, for example because its command does not exist."""

    def remove_container(self, container: str) -> bool:
        """Remove a container, even a running one; return False if it is gone already."""

    def read_state(self, container: str) -> ContainerState:
        """Return the state of a container now."""

    def read_log(self, container: str, lines: int | None = 1000, *, times: bool = False) -> str:
        """Return the last lines of a container's output, or all of it; with `times`, each line begins with its time."""

    def read_streams(self, container: str, lines: int | None = 1000) -> tuple[str, str]:
        """Return what `read_log` does, standard output and standard error each by itself.

        An engine copies the two streams side by side, so the order of their lines among each other says nothing.
        """

    def execute(
        self, container: str, command: Sequence[str], seconds: float = 60, on_line: Callable[[str], None] | None = None
    ) -> CommandResult:
        """Run a command in a running container; return its exit code and what it wrote to each output stream.

        Args:
            container: A running container.
            command: Program and arguments.
            seconds: Give up, with exit code `TIMED_OUT`, when it has printed nothing for that long.
            on_line: Called with each complete line of either stream as soon as it is printed.
        """

    def converse(self, container: str, command: Sequence[str]) -> Conversation:
        """Start a program in a running container that prints nothing until it has read a line; the caller closes it."""

    def list_changed_files(self, container: str) -> tuple[str, ...]:
        """Return the paths that were added to or changed in a container's own file system, not in what is mounted."""

    def list_users(self, container: str) -> frozenset[int]:
        """Return the users of a container's processes, as seen by the host; raise `EngineFault` if `ps` fails."""

    def send_signal(self, container: str, name: SignalName) -> None:
        """Send a signal to a container's first process."""

    def create_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Create a bridge network without access to the outside; choose a subnet if the engine has none left."""

    def create_volume(self, name: str, labels: Mapping[str, str], options: Mapping[str, str] | None = None) -> None:
        """Create a volume of the local driver, with options of that driver, such as the size of a tmpfs."""

    def remove_labelled(self, label: str) -> int:
        """Remove our containers, networks and volumes with `label` (`key` or `key=value`); return how many.

        Things that are in use, or that somebody else removes at the same time, are no error and do not count.
        """

    def list_held(self, label: str) -> tuple[str, ...]:
        """Return a sentence for each network and volume with `label` that is used by a container without that label."""

    def list_label_values(self, label: str) -> frozenset[str]:
        """Return the values of `label` on our containers, networks and volumes that carry it."""
