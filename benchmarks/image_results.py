"""The results of the comparison of images, and the targets for our own images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.results import Target, Unit
from benchmarks.starts import Start
from weighbridge.model.report import Pull


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One image and its measurements. A figure that was measured several times is the median, or None if never."""

    name: str
    is_ours: bool
    shipped_bytes: int
    pull: Pull
    starts: Mapping[str, tuple[Start, ...]]
    """By role."""
    again_seconds: tuple[float, ...]
    """One value for each build with nothing changed."""
    change_seconds: tuple[float, ...]
    """One value for each build with a line of code changed."""
    change_pull: Pull | None
    """What a node that has the image must pull after that change."""

    def compute_start_seconds(self, role: str) -> float | None:
        """Return the seconds from a container's start until its role serves."""
        return _compute_median([start.seconds for start in self.starts.get(role, ())])

    def compute_memory_bytes(self, role: str) -> float | None:
        """Return a role's memory at idle."""
        return _compute_median([start.memory_bytes for start in self.starts.get(role, ())])

    @property
    def again(self) -> float | None:
        """Seconds of a build with nothing changed."""
        return _compute_median(self.again_seconds)

    @property
    def change(self) -> float | None:
        """Seconds of a build with a line of code changed."""
        return _compute_median(self.change_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResults:
    """The results of one comparison."""

    rounds: int
    engine: str
    """Version and store."""
    base: str
    """The name of the base of all images."""
    images: tuple[Compared, ...]
    left_out: Mapping[str, str]
    """Pattern that could not be built or started -> the reason."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets, each with the measured figure."""
        return tuple(_iterate_targets({each.name: each for each in self.images if each.is_ours}, self.peers))

    @property
    def peers(self) -> tuple[Compared, ...]:
        """The patterns."""
        return tuple(each for each in self.images if not each.is_ours)


Figure = Callable[[Compared], float | None]


def _get_shipped(image: Compared) -> float:
    return image.shipped_bytes


def _get_changed_pull(image: Compared) -> float | None:
    return image.change_pull.bytes if image.change_pull else None


_STARTS_AND_MEMORY: tuple[tuple[str, float, Figure], ...] = (
    ("API start", 0.55, lambda image: image.compute_start_seconds("api")),
    ("worker start", 0.55, lambda image: image.compute_start_seconds("worker")),
    ("API memory", 1.0, lambda image: image.compute_memory_bytes("api")),
    ("worker memory", 1.0, lambda image: image.compute_memory_bytes("worker")),
)
_CHANGES: tuple[tuple[str, Unit, float, Figure], ...] = (
    ("pull after a changed line", "bytes", 50 * 10**3, _get_changed_pull),
    ("build after a changed line", "seconds", 3, lambda image: image.change),
    ("build after no change", "seconds", 1.5, lambda image: image.again),
)
_JUDGED = ("multi", "minimal")
"""The variants with targets for time, memory and the cost of a change."""


def _iterate_targets(ours: Mapping[str, Compared], peers: Sequence[Compared]) -> Iterator[Target]:
    """Yield the targets. A relative target compares with the peer that is best at the same figure."""
    minimal, multi = ours.get("minimal"), ours.get("multi")
    yield _make_absolute_target("minimal: shipped", "bytes", 85 * 10**6, minimal, _get_shipped)
    yield _make_relative_target("minimal: shipped", 0.45, minimal, peers, _get_shipped)
    yield _make_relative_target("multi: shipped", 0.85, multi, peers, _get_shipped)
    yield _make_absolute_target("minimal: pull", "bytes", 30 * 10**6, minimal, lambda image: image.pull.bytes)
    for name in _JUDGED:
        for title, limit, figure in _STARTS_AND_MEMORY:
            yield _make_relative_target(f"{name}: {title}", limit, ours.get(name), peers, figure)
    for name in _JUDGED:
        for title, unit, limit, figure in _CHANGES:
            yield _make_absolute_target(f"{name}: {title}", unit, limit, ours.get(name), figure)


def _make_absolute_target(name: str, unit: Unit, limit: float, image: Compared | None, figure: Figure) -> Target:
    return Target(what=name, unit=unit, limit=limit, measured=figure(image) if image else None)


def _make_relative_target(
    name: str, limit: float, image: Compared | None, peers: Sequence[Compared], figure: Figure
) -> Target:
    own = figure(image) if image else None
    best = min((value for value in map(figure, peers) if value is not None), default=None)
    measured = own / best if own is not None and best else None
    return Target(what=f"{name}, of the best peer's", unit="times", limit=limit, measured=measured)


def _compute_median(values: Sequence[float]) -> float | None:
    return median(values) if values else None
