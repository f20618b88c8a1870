"""What a build says: each step as it runs, and the image at its end."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

_TITLE_WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One instruction of the Dockerfile, as far as the build has come."""

    name: str
    """`[builder 3/6] RUN …`."""
    state: str = "running"
    """`running`, `done`, `cached`, `failed` or `cancelled`."""
    seconds: float = 0
    output: tuple[str, ...] = ()
    """The last lines that it printed."""

    @property
    def title(self) -> str:
        """The name on one line, without the blanks of its continuation lines; the end of a long one is left out."""
        return textwrap.shorten(self.name, _TITLE_WIDTH, placeholder=" …")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A variant that was built."""

    variant: str
    image_id: str
    """What the engine calls it; on the containerd store a manifest's digest."""
    seconds: float
    steps: tuple[Step, ...]

    def count(self, state: str) -> int:
        """Return how many steps ended in that state."""
        return sum(step.state == state for step in self.steps)
