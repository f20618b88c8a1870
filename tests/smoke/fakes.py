"""An engine of a few lines for the tests of smoke, and a stack on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

from weighbridge.engine import Engine
from weighbridge.model import ContainerState, LocalImage
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
    restart_count=0,
    error="",
    ports={8000: 1},
)


class FakeEngine:
    """Gives prepared answers; the last state stays."""

    address = "127.0.0.1"
    is_local = True

    def __init__(self, *states: ContainerState, log: str = "", user: str = "", outputs: Iterable[str] = ()) -> None:
        self.states = [*states] or [RUNNING]
        self.text, self.user, self.outputs = log, user, [*outputs]
        self.signals: list[str] = []
        self.commands: list[Sequence[str]] = []

    def state(self, _container: str) -> ContainerState:
        """Return the next state."""
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def log(self, _container: str, _lines: int | None) -> str:
        """Return the log."""
        return self.text

    def image(self, reference: str) -> LocalImage:
        """Return an image with the user."""
        return LocalImage(reference=reference, id="", platform="", diff_ids=(), labels={}, user=self.user)

    def execute(self, _container: str, command: Sequence[str]) -> tuple[int, str]:
        """Return the next output; a number in front of it is the exit code."""
        self.commands.append(command)
        code, _, output = self.outputs.pop(0).partition(" ")
        return int(code), output

    def signal(self, _container: str, name: str) -> None:
        """Note the signal."""
        self.signals.append(name)


def stack_on(engine: FakeEngine, **smoke: object) -> Stack:
    """Return a stack on the fake, whose waits are short."""
    return Stack(
        engine=cast("Engine", engine),
        settings=settings(**smoke),
        image="app:good",
        redis="redis",
        run=Run("00000000-1-00000000", keep=False),
        interruption=Interruption(),
    )


def settings(**smoke: object) -> Settings:
    """Return settings with limits of a tenth of a second."""
    roles = {name: {"grace_seconds": 0.1} for name in ("api", "worker")}
    return check({"variants": {"good": {}}, "roles": roles, "smoke": {"timeout_seconds": 0.1, **smoke}})


def exited(code: int, *, out_of_memory: bool = False) -> ContainerState:
    """Return the state of a container that ended."""
    return replace(RUNNING, status="exited", health="unhealthy", exit_code=code, out_of_memory=out_of_memory)
