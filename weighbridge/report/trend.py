"""Follows each variant through the records: one point per commit, and what changed from one point to the next.

Figures that cannot be compared are never subtracted. Between them there is a break, which says why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal

from weighbridge.model.report import Base, Image, Pull, Report
from weighbridge.report.comparison import NOISE_BYTES, Refusal, find_refusals
from weighbridge.report.difference import subtract_bases

BrokenFigure = Literal["all", "pull", "code"]
"""Which figure a break concerns. `pull` and `code`: only that one; `all`: every figure."""
ALL: Final = "all"
_CODE: Final = "code"
"""The name in invoke.yaml of the change that the trend follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Why a point, or one of its figures, is not compared with the point before."""

    figure: BrokenFigure
    why: str
    """What differs, before and after, such as `base a -> b`, `platform a -> b` or `pull estimated -> exact`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A point minus the point before; None if either figure is unknown, or across a break."""

    shipped_bytes: int | None = None
    base_bytes: int | None = None
    """How much of that comes from the base image."""
    live_bytes: int | None = None
    wasted_bytes: int | None = None
    pull_bytes: int | None = None
    code_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A variant as it was measured at a commit. Figures that were not measured are None."""

    recorded_at: str
    """This and the next two fields are as in `Report`."""
    commit: str | None
    dirty: bool
    platform: str
    base: Base | None
    shipped_bytes: int
    live_bytes: int | None
    wasted_bytes: int | None
    pull: Pull | None
    code: Pull | None
    """What a node pulls after a change to the code."""
    change: Change = Change()
    breaks: tuple[Break, ...] = ()
    """Either breaks of all figures, or at most one for each figure. The oldest point has no breaks."""

    @property
    def is_apart(self) -> bool:
        """Whether the whole point is not compared with the point before."""
        return any(each.figure == ALL for each in self.breaks)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantTrend:
    """One variant's points, oldest first."""

    variant: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """All variants: first those of the newest record, in its order."""

    variants: tuple[VariantTrend, ...]
    noise_bytes: int = NOISE_BYTES
    """Smaller changes count as no change."""


def trace_variants(reports: Sequence[Report], variants: Collection[str] = (), noise_bytes: int = NOISE_BYTES) -> Trend:
    """Return how variants changed, by commit.

    If a commit has several records, the last one counts. Records with uncommitted changes get a separate point, and so
    does each record without a commit.

    Args:
        reports: In any order; the trend sorts them by the time of the record.
        variants: The variants to follow; empty for all.
        noise_bytes: Smaller changes count as no change.
    """
    measured = dict[str, list[tuple[Report, Image]]]()
    for report in sorted(reports, key=lambda report: report.recorded_at, reverse=True):
        for image in report.images:
            if not variants or image.variant in variants:
                measured.setdefault(image.variant, []).append((report, image))
    trends = (VariantTrend(variant=name, points=_build_points(found)) for name, found in measured.items())
    return Trend(variants=tuple(trends), noise_bytes=noise_bytes)


def _build_points(measured: Sequence[tuple[Report, Image]]) -> tuple[Point, ...]:
    """Return the points of one variant, oldest first. `measured` is sorted by time, newest first."""
    points = dict[tuple[str, bool], tuple[Point, Image]]()
    for report, image in measured:
        key, point = (report.commit or report.recorded_at, report.dirty), _build_point(report, image)
        known, weighed = points.setdefault(key, (point, image))
        if known.code is None:  # the later report of the same sources did not measure the change
            points[key] = replace(known, code=point.code), weighed
    ordered = list(points.values())[::-1]
    return (*(point for point, _ in ordered[:1]), *(_compare(before, after) for before, after in pairwise(ordered)))


def _build_point(report: Report, image: Image) -> Point:
    return Point(
        recorded_at=report.recorded_at,
        commit=report.commit,
        dirty=report.dirty,
        platform=image.platform,
        base=image.base,
        shipped_bytes=image.shipped_bytes,
        live_bytes=image.live_bytes,
        wasted_bytes=image.wasted_bytes,
        pull=image.pull,
        code=next((each.pull for each in image.rebuilds if each.change == _CODE), None),
    )


def _compare(earlier: tuple[Point, Image], later: tuple[Point, Image]) -> Point:
    """Return the later point with either what changed or why it is not compared."""
    (before, old), (after, new) = earlier, later
    apart = tuple(Break(figure=ALL, why=_shorten(each)) for each in find_refusals("", old, new))
    if apart:
        return replace(after, breaks=apart)
    return replace(
        after,
        breaks=tuple(_find_unlike_pulls(before, after)),
        change=Change(
            shipped_bytes=after.shipped_bytes - before.shipped_bytes,
            base_bytes=subtract_bases(old, new) if before.base and after.base else None,
            live_bytes=_subtract(after.live_bytes, before.live_bytes),
            wasted_bytes=_subtract(after.wasted_bytes, before.wasted_bytes),
            pull_bytes=_subtract_pulls(after.pull, before.pull),
            code_bytes=_subtract_pulls(after.code, before.code),
        ),
    )


def _shorten(refusal: Refusal) -> str:
    return f"{refusal.obstacle} {refusal.before} -> {refusal.after}"


def _find_unlike_pulls(before: Point, after: Point) -> Iterator[Break]:
    old, new = (point.pull.basis if point.pull else "unknown" for point in (before, after))
    if old != new:
        yield Break(figure="pull", why=f"pull {old} -> {new}")
    # Not every report measures the cost of a change; a missing cost is not a different basis.
    if before.code and after.code and before.code.basis != after.code.basis:
        yield Break(figure="code", why=f"code change {before.code.basis} -> {after.code.basis}")


def _subtract(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else after - before


def _subtract_pulls(after: Pull | None, before: Pull | None) -> int | None:
    return after.bytes - before.bytes if after and before and after.basis == before.basis else None
