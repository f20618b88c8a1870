"""A build's steps while it runs, and the image at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StepState = Literal["running", "done", "cached", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One instruction of the Dockerfile, and its state in the build."""

    name: str
    """`[builder 3/6] RUN …`."""
    state: StepState = "running"
    seconds: float = 0
    output: tuple[str, ...] = ()
    """The last lines that the step printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A variant that was built."""

    variant: str
    image_id: str
    """The engine's id of the image; on the containerd store a manifest's digest."""
    seconds: float
    steps: tuple[Step, ...]

    def count(self, state: StepState) -> int:
        """Return how many steps ended in that state."""
        return sum(step.state == state for step in self.steps)
