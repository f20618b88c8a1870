"""A build's steps while it runs, the images at its end, and what a build needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from weighbridge.model.report import Pull

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """The weight of an image that was just built."""

    shipped_bytes: int
    pull: Pull | None
    change_bytes: int | None
    """How many shipped bytes more than in the last record of the variant; None if there is none to compare with."""
    since: str
    """When that record was made, or why there is no change to tell."""
    noise_bytes: int
    """`budgets.noise`: a smaller change counts as no change."""

    @property
    def is_noise(self) -> bool:
        """Whether there is a change, and a smaller one than counts."""
        return bool(self.change_bytes) and abs(self.change_bytes or 0) < self.noise_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeContext:
    """A build context that is far larger than what the images use of it."""

    folder: str
    """As in the settings."""
    bytes: int
    """Of all that builds get of it."""
    used_bytes: int
    """The most that an image can have of it: its files that neither the base nor a package has."""
    largest: Mapping[str, int]
    """Name of an entry at the top of the folder -> its bytes, the largest first."""
    ignore_file: str
    """Name of the file that can leave them out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """What `invoke build` made."""

    built: tuple[Built, ...]
    base: str
    """The base image, described for people."""
    replaced: tuple[str, ...] = ()
    """The stand-ins for images in a FROM, each described for people."""
    large_contexts: tuple[LargeContext, ...] = ()
    weights: Mapping[str, Weight]
    """Variant -> its weight; an image for another platform may not be in the engine, and then has none."""
    pushed: Mapping[str, str]
    """Variant -> `HOST/NAME@sha256:…`, where it was pushed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What all other commands need, as `invoke engine` found or made it. Each is described for people."""

    engine: str
    builder: str
    bases: Mapping[str, str]
    """Role -> base image."""
    services: Mapping[str, str] = field(default_factory=dict)
    """Name of a service of the smoke test -> its image, if the settings name services."""
