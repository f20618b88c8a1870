"""An engine of a few lines for the tests of smoke, and a stack on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from weighbridge.containers import ContainerSpec, ContainerState, Created
from weighbridge.engine import Engine
from weighbridge.model import LocalImage
from weighbridge.settings import Settings, check
from weighbridge.smoke.containers import Stack
from weighbridge.smoke.runs import Run
from weighbridge.smoke.signals import Interruption

RUNNING = ContainerState(
    status="running",
    health="healthy",
    health_output="",
    exit_code=0,
    out_of_memory=False,
)


class FakeEngine:
    """Gives prepared answers; the last state stays."""

    warnings: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()

    def __init__(self, *states: ContainerState, log: str = "", user: str = "", outputs: Iterable[str] = ()) -> None:
        self.states = [*states] or [RUNNING]
        self.text, self.user, self.outputs = log, user, [*outputs]
        self.signals: list[str] = []
        self.commands: list[Sequence[str]] = []
        self.specs: list[ContainerSpec] = []

    def create_container(self, spec: ContainerSpec) -> Created:
        """Note the spec."""
        self.specs.append(spec)
        return Created(id=spec.name, warnings=self.warnings)

    def start(self, container: str) -> None:
        """Start nothing but what was created."""
        assert container in {spec.name for spec in self.specs}

    def has_image(self, reference: str) -> bool:
        """Tell whether the image is known."""
        return reference in self.known

    def state(self, _container: str) -> ContainerState:
        """Return the next state."""
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def log(self, _container: str, lines: int) -> str:
        """Return the end of the log."""
        return "\n".join(self.text.splitlines()[-lines:])

    def image(self, reference: str) -> LocalImage:
        """Return an image with the user."""
        return LocalImage(reference=reference, id="", platform="", diff_ids=(), labels={}, user=self.user)

    def execute(self, _container: str, command: Sequence[str], _seconds: float) -> tuple[int, str]:
        """Return the next output; a number in front of it is the exit code."""
        self.commands.append(command)
        code, _, output = self.outputs.pop(0).partition(" ")
        return int(code), output

    def signal(self, _container: str, name: str) -> None:
        """Note the signal."""
        self.signals.append(name)


def stack_on(engine: object, api: Mapping[str, object] | None = None, **smoke: object) -> Stack:
    """Return a stack on a fake, whose waits are short."""
    return Stack(
        engine=cast("Engine", engine),
        settings=settings(api, **smoke),
        image="app:good",
        redis="redis",
        run=Run("00000000-1-00000000", keep=False),
        interruption=Interruption(),
    )


def settings(api: Mapping[str, object] | None = None, **smoke: object) -> Settings:
    """Return settings with limits of a hundredth of a second."""
    roles = {"api": {"grace_seconds": 0.01, **(api or {})}, "worker": {"grace_seconds": 0.01}}
    return check({"variants": {"good": {}}, "roles": roles, "smoke": {"timeout_seconds": 0.01, **smoke}})


def exited(code: int, *, out_of_memory: bool = False) -> ContainerState:
    """Return the state of a container that ended."""
    return replace(RUNNING, status="exited", health="unhealthy", exit_code=code, out_of_memory=out_of_memory)
