"""The page's tables sum up the rows that they leave out."""

from __future__ import annotations

from dataclasses import replace

from tests.support.ledgers import image_of, row
from tests.support.summaries import summary
from weighbridge.model.report import LedgerRow, Report
from weighbridge.render.html import tables


def of_ledger(*rows: LedgerRow) -> Report:
    """Return a report of one image with these rows."""
    return Report(
        recorded_at="2026-11-24T10:00:00Z", commit=None, dirty=False, engine=None, images=(image_of("a", *rows),)
    )


def test_long_ledger_closes() -> None:
    """Owners that are left out are summed up in one more row."""
    report = of_ledger(*(row("debian", f"lib{number}", 1000 + number) for number in range(700)))
    rows = tables.list_owners(report)
    assert rows[-1].name == "100 smaller owners"
    assert sum(each.sizes[0] or 0 for each in rows) == report.images[0].shipped_bytes


def test_waste_that_is_not_shown_is_counted() -> None:
    """Five rows are visible, fifty-five are folded away, and the rest is one sum."""
    told = summary()
    image = told.report.images[0]
    many = replace(image, waste=tuple(replace(image.waste[0], bytes=200 - number) for number in range(100)))
    [found] = tables.list_waste(replace(told.report, images=(many,)))
    assert (len(found.first), len(found.more), found.more_count) == (5, 55, 95)
    assert sum(row.bytes for row in found.first) + found.more_bytes == sum(row.bytes for row in many.waste)
    assert found.rest == "40 still smaller, 4.82 kB in all"
