"""A trend has a point per commit, the changes between points, and breaks where figures cannot be compared."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ledgers import image_of, row, stand_on
from weighbridge.model.report import Base, Image, Pull, Rebuild, Report
from weighbridge.report import trend
from weighbridge.report.trend import ALL, Break, BrokenFigure, Change, Point

BASE = Base(reference="python:3.13", layers=1, shipped_bytes=60)
EXACT, ESTIMATED = (Pull(bytes=40, basis=basis) for basis in ("exact", "estimated"))
CHANGE = Rebuild(change="code", seconds=1, steps_run=1, steps_cached=1, layers=(), pull=EXACT)
IMAGE = replace(
    stand_on(image_of("multi", row("python", "redis", 100)), BASE), live_bytes=90, wasted_bytes=10, pull=EXACT
)


def report(minute: int, commit: str | None, *images: Image, dirty: bool = False) -> Report:
    """Return a record of that minute."""
    at = f"2026-11-24T10:{minute:02}:00Z"
    return Report(recorded_at=at, commit=commit, dirty=dirty, engine=None, images=images)


def points(*reports: Report) -> tuple[Point, ...]:
    """Return the points of the only variant."""
    (found,) = trend.trace_variants(reports).variants
    return found.points


def test_change_from_the_point_before() -> None:
    """Each change is the figure minus that of the point before; the first point has no change."""
    drifted = replace(BASE, shipped_bytes=65)
    later = stand_on(IMAGE, drifted)
    grown = replace(later, shipped_bytes=120, live_bytes=105, wasted_bytes=15, pull=replace(EXACT, bytes=38))
    first, second = points(report(0, "a", replace(IMAGE, rebuilds=(CHANGE,))), report(1, "b", grown))
    assert first.change == Change()
    assert first.code == EXACT
    assert second.code is None
    assert second.change == Change(shipped_bytes=20, base_bytes=5, live_bytes=15, wasted_bytes=5, pull_bytes=-2)
    assert first.breaks == second.breaks == ()


def test_new_tag_of_the_base_is_drift() -> None:
    """Points with different versions of the same base are compared."""
    later = replace(IMAGE, base=replace(BASE, reference="python:3.14"))
    _, point = points(report(0, "a", IMAGE), report(1, "b", later))
    assert point.breaks == ()
    assert point.change.base_bytes == 0


def test_later_report_without_a_rebuild() -> None:
    """A point takes the cost of a change from the last report of its commit that measured one."""
    (point,) = points(report(0, "a", replace(IMAGE, rebuilds=(CHANGE,))), report(1, "a", IMAGE))
    assert point.code == CHANGE.pull


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"base": replace(BASE, reference="pypy:3.11")}, (ALL, "base python:3.13 -> pypy:3.11")),
        ({"base": None}, {}, (ALL, "base unknown -> python:3.13")),
        ({}, {"platform": "linux/arm64"}, (ALL, "platform linux/amd64 -> linux/arm64")),
        ({"pull": ESTIMATED}, {}, ("pull", "pull estimated -> exact")),
        ({}, {"pull": None}, ("pull", "pull exact -> unknown")),
        (
            {"rebuilds": (CHANGE,)},
            {"rebuilds": (replace(CHANGE, pull=ESTIMATED),)},
            ("code", "code change exact -> estimated"),
        ),
    ],
)
def test_unlike_bases_are_a_break(
    before: dict[str, object], after: dict[str, object], expected: tuple[BrokenFigure, str]
) -> None:
    """Points that cannot be compared have a break with the reason; another basis of the pull breaks only the pull."""
    old, new = (replace(IMAGE, **fields) for fields in (before, after))  # type: ignore[arg-type] # any fields of it
    _, point = points(report(0, "a", old), report(1, "b", new))
    figure, why = expected
    assert point.breaks == (Break(figure=figure, why=why),)
    assert point.is_apart == (figure == ALL)
    assert (point.change.shipped_bytes is None) == point.is_apart
    assert (point.change.pull_bytes is None) == (figure != "code")
    assert point.change.code_bytes is None


def test_last_record_of_a_commit_counts() -> None:
    """A commit's last record counts; records with uncommitted changes or without a commit are separate points."""
    sizes = iter(range(100))
    reports = [
        report(minute, commit, replace(IMAGE, shipped_bytes=next(sizes)), dirty=dirty)
        for minute, (commit, dirty) in enumerate(
            [("a", False), ("a", False), ("a", True), ("a", True), ("b", False), (None, False), (None, False)]
        )
    ]
    found = points(*reversed(reports))  # in whatever order they are given
    assert [(point.commit, point.dirty, point.shipped_bytes) for point in found] == [
        ("a", False, 1),
        ("a", True, 3),
        ("b", False, 4),
        (None, False, 5),
        (None, False, 6),
    ]


def test_variants() -> None:
    """Variants of the newest record come first; a record without a variant is neither a point nor a break."""
    single = replace(IMAGE, variant="single")
    reports = (
        report(0, "a", IMAGE, replace(IMAGE, variant="old")),
        report(1, "b", single),
        report(2, "c", single, IMAGE),
    )
    found = trend.trace_variants(reports).variants
    assert [(each.variant, [point.commit for point in each.points]) for each in found] == [
        ("single", ["b", "c"]),
        ("multi", ["a", "c"]),
        ("old", ["a"]),
    ]
    assert found[1].points[1].change.shipped_bytes == 0
    assert [each.variant for each in trend.trace_variants(reports, ["old"]).variants] == ["old"]
    assert trend.trace_variants([]).variants == ()


IMAGES = st.builds(
    lambda size, pull, base: replace(IMAGE, shipped_bytes=size, pull=pull, base=base),
    st.integers(0, 10**9),
    st.builds(Pull, bytes=st.integers(0, 10**9), basis=st.sampled_from(["exact", "estimated"])) | st.none(),
    st.sampled_from([BASE, replace(BASE, reference="b"), None]),
)


@given(st.lists(IMAGES, min_size=1, max_size=8))
def test_changes_add_up_between_breaks(images: list[Image]) -> None:
    """Between two breaks the changes add up to the difference of the outer figures; no change crosses a break."""
    found = points(*(report(minute, str(minute), image) for minute, image in enumerate(images)))
    for before, after in pairwise(found):
        assert after.is_apart == (before.base != after.base)
        if not after.is_apart:
            assert before.shipped_bytes + (after.change.shipped_bytes or 0) == after.shipped_bytes
        if after.change.pull_bytes is not None:
            assert before.pull
            assert after.pull == replace(before.pull, bytes=before.pull.bytes + after.change.pull_bytes)
        else:
            assert after.is_apart or not (before.pull and after.pull and before.pull.basis == after.pull.basis)
