"""The values that a build yields: each step as it runs, and the image at the end."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Literal

StepState = Literal["running", "done", "cached", "failed", "cancelled"]
_TITLE_WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One instruction of the Dockerfile, and how far the build has come with it."""

    name: str
    """`[builder 3/6] RUN …`."""
    state: StepState = "running"
    seconds: float = 0
    output: tuple[str, ...] = ()
    """The last lines that the step printed."""

    @property
    def title(self) -> str:
        """The name on one line, without the indentation of continuation lines; a long name is shortened."""
        return textwrap.shorten(self.name, _TITLE_WIDTH, placeholder=" …")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A variant that was built."""

    variant: str
    image_id: str
    """The engine's ID of the image; with the containerd store, a manifest's digest."""
    seconds: float
    steps: tuple[Step, ...]

    def count(self, state: StepState) -> int:
        """Return how many steps are in that state."""
        return sum(step.state == state for step in self.steps)
