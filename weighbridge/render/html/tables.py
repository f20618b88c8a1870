"""The tables of the HTML report, row by row: each from the record alone, each closed where it adds up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from weighbridge.model.report import Image, Rebuild, Report, Waste
from weighbridge.model.smoke import Standing
from weighbridge.render import overview, verdict
from weighbridge.render.overview import signed
from weighbridge.report.comparison import Comparison
from weighbridge.report.difference import LedgerDifference
from weighbridge.report.growth import BASE, Cause
from weighbridge.report.summary import Summary
from weighbridge.report.units import size

_OWNERS = 600
_CHANGES = 15
_WASTE, _FIRST_WASTE = 60, 5
"""Rows that a table has at most; what they leave out stands in a row of its own, so that sums hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRow:
    """One variant of the first table."""

    variant: str
    cells: tuple[str, ...]
    """In the order of the columns."""
    share: float
    """What it ships, of the largest variant: 0 to 1."""
    state: str
    """How its last smoke test went: `passed`, `failed` or `untried`."""


def answers(summary: Summary) -> tuple[tuple[str, ...], list[AnswerRow]]:
    """Return the names of the first table's columns, and its rows in the order of the report."""
    columns, images = overview.answers(summary), summary.report.images
    largest = max((image.shipped_bytes for image in images), default=0)
    rows = [
        AnswerRow(
            variant=image.variant,
            cells=tuple(column.cells[place] for column in columns),
            share=image.shipped_bytes / largest if largest else 0,
            state=_state(summary.standings.get(image.variant)),
        )
        for place, image in enumerate(images)
    ]
    return tuple(column.name for column in columns), rows


def _state(standing: Standing | None) -> str:
    if standing is None:
        return "untried"
    return "passed" if standing.ok else "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerRow:
    """One owner's bytes in each variant."""

    category: str
    name: str
    version: str
    """Those of all variants, if they differ."""
    sizes: tuple[int | None, ...]
    """One for each image of the report; None where it keeps no ledger."""


def owners(report: Report) -> list[OwnerRow]:
    """Return whose the bytes are, variants side by side, the largest first; each column adds up to `shipped_bytes`."""
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
    return rows[:_OWNERS] + ([_together(rest)] if rest else [])


def _together(rows: Sequence[OwnerRow]) -> OwnerRow:
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
    """How many causes are left out; empty where none is."""
    rest_bytes: int
    base: tuple[LedgerDifference, ...]
    """What changed in the base image."""
    base_rest: str
    base_rest_bytes: int


def changes(summary: Summary) -> list[Change]:
    """Return what changed since the baseline, the base image's drift as one cause with parts of its own."""
    return [_change(each) for each in summary.baseline.comparisons] if summary.baseline else []


def _change(comparison: Comparison) -> Change:
    difference = comparison.difference
    sizes = f"{size(difference.before_bytes)} to {size(difference.after_bytes)}"
    growth = comparison.growth
    causes, rest = growth.largest(_CHANGES)
    base = next((cause.parts for cause in growth.causes if cause.category == BASE), ())
    return Change(
        comparison=comparison,
        title=f"{difference.variant}: {signed(difference.delta_bytes)} ({sizes})",
        causes=causes,
        rest=many(len(rest), "smaller change") if rest else "",
        rest_bytes=sum(cause.delta_bytes for cause in rest),
        base=base[:_CHANGES],
        base_rest=many(len(base[_CHANGES:]), "smaller change") if base[_CHANGES:] else "",
        base_rest_bytes=sum(row.delta_bytes for row in base[_CHANGES:]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WasteTable:
    """What one image ships in vain."""

    image: Image
    first: tuple[Waste, ...]
    """The largest, shown at once."""
    more: tuple[Waste, ...]
    """Those that are folded away."""
    more_count: int
    """How many there are besides the first, and below what they sum up to: also what is not shown at all."""
    more_bytes: int
    rest: str
    """What is not shown at all; empty where that is nothing."""


def wastes(report: Report) -> list[WasteTable]:
    """Return the waste of each image that has any, the largest first."""
    return [_waste(image) for image in report.images if image.waste]


def _waste(image: Image) -> WasteTable:
    smaller, rest = image.waste[_FIRST_WASTE:], image.waste[_WASTE:]
    return WasteTable(
        image=image,
        first=image.waste[:_FIRST_WASTE],
        more=image.waste[_FIRST_WASTE:_WASTE],
        more_count=len(smaller),
        more_bytes=sum(row.bytes for row in smaller),
        rest=f"{len(rest):,} still smaller, {size(sum(row.bytes for row in rest))} in all" if rest else "",
    )


def rebuilds(report: Report) -> Iterator[tuple[Image, Rebuild]]:
    """Yield what changes to the sources cost, image by image."""
    for image in report.images:
        for each in image.rebuilds:
            yield image, each


def versions(row: Cause | LedgerDifference) -> str:
    """Return the version of what changed, or both; of the base image its Debian release, where that changed."""
    if isinstance(row, Cause):
        return verdict.versions(row)
    return overview.versions(row.before_version, row.after_version)


def many(number: int, word: str) -> str:
    """Return a number and a word: `1 file`, `2,000 files`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"
