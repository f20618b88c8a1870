"""Builds the rows of the HTML report's tables. Sums hold even if a table leaves rows out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from weighbridge.render import overview, verdict
from weighbridge.render.overview import format_delta
from weighbridge.report.units import format_size

if TYPE_CHECKING:
    from weighbridge.model.report import Image, Rebuild, Report, Waste
    from weighbridge.model.smoke import Standing
    from weighbridge.report.comparison import Comparison
    from weighbridge.report.difference import LedgerDifference
    from weighbridge.report.growth import Cause
    from weighbridge.report.summary import Summary

_OWNERS = 600
_CHANGES = 15
_WASTE, _FIRST_WASTE = 60, 5
"""The most rows of a table. The rest is summed up in one more row, so that sums hold."""


SmokeState = Literal["passed", "failed", "untried"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """One variant of the first table."""

    variant: str
    cells: tuple[str, ...]
    """In the order of the columns."""
    share: float
    """Its shipped bytes as a share of the largest variant's, from 0 to 1."""
    state: SmokeState
    """The result of its last smoke test."""


def list_answers(summary: Summary) -> tuple[tuple[str, ...], list[AnswerRow]]:
    """Return the names of the first table's columns, and its rows in the order of the report."""
    columns, images = overview.list_answers(summary), summary.report.images
    largest = max((image.shipped_bytes for image in images), default=0)
    rows = [
        AnswerRow(
            variant=image.variant,
            cells=tuple(column.cells[place] for column in columns),
            share=image.shipped_bytes / largest if largest else 0,
            state=_name_state(summary.standings.get(image.variant)),
        )
        for place, image in enumerate(images)
    ]
    return tuple(column.name for column in columns), rows


def _name_state(standing: Standing | None) -> SmokeState:
    if standing is None:
        return "untried"
    return "passed" if standing.ok else "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerRow:
    """One owner's bytes in each variant."""

    category: str
    name: str
    version: str
    """All versions, if those of the variants differ."""
    sizes: tuple[int | None, ...]
    """One for each image of the report; None if that image has no ledger."""


def list_owners(report: Report) -> list[OwnerRow]:
    """Return the owners, the largest first, with a column per variant; each column adds up to `shipped_bytes`."""
    images = report.images
    found = dict[tuple[str, str], tuple[list[int | None], dict[str, None]]]()
    for column, image in enumerate(images):
        for row in image.ledger:
            empty: list[int | None] = [0 if each.ledger else None for each in images]
            sizes, versions = found.setdefault((row.category, row.name), (empty, {}))
            sizes[column] = (sizes[column] or 0) + row.bytes
            if row.version:
                versions[row.version] = None
    rows = [
        OwnerRow(category=category, name=name, version=", ".join(versions), sizes=tuple(sizes))
        for (category, name), (sizes, versions) in found.items()
    ]
    rows.sort(key=lambda row: (-max(each or 0 for each in row.sizes), row.category, row.name))
    rest = rows[_OWNERS:]
    return rows[:_OWNERS] + ([_merge_rows(rest)] if rest else [])


def _merge_rows(rows: Sequence[OwnerRow]) -> OwnerRow:
    columns = zip(*(row.sizes for row in rows), strict=True)
    sizes = tuple(None if None in column else sum(each or 0 for each in column) for column in columns)
    return OwnerRow(category="", name=f"{len(rows):,} smaller owners", version="", sizes=sizes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Why one variant's size changed. The causes and the rest add up to the comparison's `delta_bytes`."""

    comparison: Comparison
    title: str
    causes: tuple[Cause, ...]
    rest: str
    """How many causes are left out, in words; empty if none are."""
    rest_bytes: int
    base: tuple[LedgerDifference, ...]
    """What changed in the base image."""
    base_rest: str
    base_rest_bytes: int


def list_changes(summary: Summary) -> list[Change]:
    """Return what changed since the baseline. Changes of the base image are one cause with several parts."""
    return [_build_change(each) for each in summary.baseline.comparisons] if summary.baseline else []


def _build_change(comparison: Comparison) -> Change:
    difference = comparison.difference
    sizes = f"{format_size(difference.before_bytes)} to {format_size(difference.after_bytes)}"
    slight = ", almost unchanged" if comparison.is_noise and difference.delta_bytes else ""
    growth = comparison.growth
    causes, rest = growth.split_largest(_CHANGES)
    base = next((cause.parts for cause in growth.causes if cause.kind == "base"), ())
    return Change(
        comparison=comparison,
        title=f"{difference.variant}: {format_delta(difference.delta_bytes)} ({sizes}{slight})",
        causes=causes,
        rest=format_count(len(rest), "smaller change") if rest else "",
        rest_bytes=sum(cause.delta_bytes for cause in rest),
        base=base[:_CHANGES],
        base_rest=format_count(len(base[_CHANGES:]), "smaller change") if base[_CHANGES:] else "",
        base_rest_bytes=sum(row.delta_bytes for row in base[_CHANGES:]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WasteTable:
    """The waste of one image."""

    image: Image
    first: tuple[Waste, ...]
    """The largest rows, always visible."""
    more: tuple[Waste, ...]
    """Further rows, folded away."""
    more_count: int
    """How many rows there are after `first`, including those that are not shown at all."""
    more_bytes: int
    """The bytes of these rows."""
    rest: str
    """A sum of the rows that are not shown at all; empty if all are shown."""


def list_waste(report: Report) -> list[WasteTable]:
    """Return the waste of each image that has any, the largest first."""
    return [_build_waste_table(image) for image in report.images if image.waste]


def _build_waste_table(image: Image) -> WasteTable:
    smaller, rest = image.waste[_FIRST_WASTE:], image.waste[_WASTE:]
    return WasteTable(
        image=image,
        first=image.waste[:_FIRST_WASTE],
        more=image.waste[_FIRST_WASTE:_WASTE],
        more_count=len(smaller),
        more_bytes=sum(row.bytes for row in smaller),
        rest=f"{len(rest):,} still smaller, {format_size(sum(row.bytes for row in rest))} in all" if rest else "",
    )


def list_rebuilds(report: Report) -> Iterator[tuple[Image, Rebuild]]:
    """Yield what changes to the sources cost, image by image."""
    for image in report.images:
        for each in image.rebuilds:
            yield image, each


def format_versions(row: Cause | LedgerDifference) -> str:
    """Return the version of what changed, or both versions; for the base image, its Debian releases if they changed."""
    from weighbridge.report.growth import Cause  # noqa: PLC0415 - most reports have no baseline

    if isinstance(row, Cause):
        return verdict.format_versions(row)
    return overview.format_versions(row.before_version, row.after_version)


def format_count(number: int, word: str) -> str:
    """Return a number and a noun: `1 file`, `2,000 files`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
