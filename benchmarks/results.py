"""The results of a bench, and our targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.api_starts import BARE, LIVE, LIVE_EARLIER, LOADED, LOADED_EARLIER
from benchmarks.places import (
    ARCHIVE,
    HASHED,
    LAYOUT,
    REGISTRY,
    SAVED,
    SKOPEO,
    SYFT_REGISTRY,
    TAR_ARCHIVE,
    TAR_LAYOUT,
)
from benchmarks.programs import (
    AS,
    CHANGED,
    COLD,
    CYCLONEDX,
    DIVE,
    EARLIER,
    FIRST,
    HERE,
    IMPORTED,
    INVOKE,
    KNOWN,
    MENU,
    SAVE,
    SYFT,
)
from benchmarks.runs import Series

Unit = Literal["times", "seconds", "bytes"]
LARGE_FILES = 200_000
"""Number of files in the image that has a target for memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A limit that we want to keep, and the measured figure."""

    what: str
    reference: str = ""
    """What the figure refers to, measured in the same run; empty if it is no ratio."""
    unit: Unit
    limit: float
    measured: float | None
    """None if it could not be measured."""

    @property
    def name(self) -> str:
        """What is measured, and what it refers to."""
        return f"{self.what} / {self.reference}" if self.reference else self.what

    @property
    def meets(self) -> bool | None:
        """Whether the figure is within the limit; None if it was not measured."""
        return None if self.measured is None else self.measured <= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The size of a generated image, and the runs of our report on it."""

    amount: int
    series: Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How our report's time and memory grow with an image's files or bytes."""

    kind: Literal["files", "bytes"]
    points: tuple[Point, ...]
    """The smallest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WasteCase:
    """An image whose waste is known, and the figures that programs give for it."""

    name: str
    truth_bytes: int
    ours_bytes: int | None
    dive_bytes: int | None
    """None, as above, if the program failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The results of one bench."""

    rounds: int
    engine: str
    """Version and store."""
    images: tuple[str, ...]
    peers: tuple[str, ...]
    """With their versions."""
    series: tuple[Series, ...]
    growths: tuple[Growth, ...]
    waste: tuple[WasteCase, ...]
    left_out: Mapping[str, str]
    """Name of what could not be measured -> the reason."""
    large: tuple[Series, ...] = ()
    """Reports of the image with a target for memory, by where it was read."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets, each with the measured figure."""
        here = _PACKED if self.engine.endswith("containerd") else _UNPACKED
        return (*_make_time_targets(self.series, here), *_make_memory_targets(self.growths, self.large))


def compute_ratio(series: Sequence[Series], part: str, whole: str) -> float | None:
    """Return the ratio of two contenders' median times; None if either was not measured."""
    seconds = {each.name: each.seconds for each in series}
    over, under = seconds.get(part), seconds.get(whole)
    return over / under if over and under else None


_DRAWN = dict.fromkeys(AS, 3.2) | {f"{KNOWN}, {name}": 2.5 for name in ("terminal", "markdown")} | {CYCLONEDX: 4.5}
"""The library of CycloneDX takes more time to write its document than all the rest of a report."""
_RATIOS: Sequence[tuple[str, str, float]] = (
    (COLD, DIVE, 1.05),
    (COLD, SAVED, 1.0),
    (COLD, SYFT, 0.5),
    (IMPORTED, INVOKE, 1.25),
    (MENU, EARLIER, 1.05),
    (LIVE, BARE, 2.0),
    (LIVE, LIVE_EARLIER, 0.6),
    (LOADED, LOADED_EARLIER, 1.0),
    *((name, MENU, limit) for name, limit in {KNOWN: 2.5, **_DRAWN, CHANGED: 2.5, FIRST: 2.5}.items()),
)
"""What is timed, what it refers to in the same run, and the target for their ratio."""

_PLACES: Sequence[tuple[str, str, float]] = (
    (ARCHIVE, TAR_ARCHIVE, 1.2),
    (LAYOUT, TAR_LAYOUT, 1.2),
    (REGISTRY, SKOPEO, 1.2),
    (REGISTRY, SYFT_REGISTRY, 0.5),
)
"""The same for images that are not in the engine."""


_UNPACKED: Sequence[tuple[str, str, float]] = ((HERE, SAVE, 0.35), (HERE, DIVE, 0.35), (HERE, HASHED, 1.5))
"""The same in the engine's folder, where it keeps layers unpacked, as `overlay2` does."""
_PACKED: Sequence[tuple[str, str, float]] = ((HERE, SAVE, 0.5), (HERE, DIVE, 0.5))
"""The same where it keeps them compressed, as containerd does."""


def _make_time_targets(series: Sequence[Series], here: Sequence[tuple[str, str, float]]) -> tuple[Target, ...]:
    wanted = (*_RATIOS, *here, *_PLACES)
    return tuple(
        Target(
            what=part.removeprefix("invoke report, "),
            reference=whole.removeprefix(f"{part}, ").removeprefix("invoke "),
            unit="times",
            limit=limit,
            measured=compute_ratio(series, part, whole),
        )
        for part, whole, limit in wanted
    )


def _make_memory_targets(growths: Sequence[Growth], large: Sequence[Series]) -> tuple[Target, ...]:
    points = [point for growth in growths if growth.kind == "files" for point in growth.points]
    peaks = {point.amount: point.series.peak_bytes for point in points}
    what, most = f"peak memory with {LARGE_FILES:,} files", 120 * 10**6
    return (
        Target(what=what, unit="bytes", limit=most, measured=peaks.get(LARGE_FILES)),
        *(Target(what=f"{what}, {each.name}", unit="bytes", limit=most, measured=each.peak_bytes) for each in large),
        Target(what="memory for each file more", unit="bytes", limit=500, measured=_compute_slope(peaks)),
    )


def _compute_slope(peaks: Mapping[int, int | None]) -> float | None:
    """Return how many bytes the peak grows for each file, from the smallest image to the largest."""
    known = sorted((amount, peak) for amount, peak in peaks.items() if peak is not None)
    if len(known) < 2:  # noqa: PLR2004 - a line needs two points
        return None
    (few, low), (many, high) = known[0], known[-1]
    return (high - low) / (many - few)
