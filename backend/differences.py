"""Keeps the difference of two reports small: of too many rows the largest stay, and the rest is summed.

A record of 10 MB with many variants can differ from another one in more than ten times as much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic_core import to_json

from backend.schemas import VariantRefusal
from weighbridge.report.difference import LayerDifference, LedgerDifference, VariantDifference

MAX_BYTES = 10**7
"""Of the JSON of a difference."""
_STAGES = ((1000, 2000), (200, 500), (50, 200), (5, 100))
"""Rows of one kind in a variant, and characters of a text: the first stage that is small enough is taken."""
Variant = VariantDifference | VariantRefusal
_Row = TypeVar("_Row")


def write(variants: Sequence[Variant]) -> bytes:
    """Return the difference as JSON. If it would be larger than `MAX_BYTES`, rows are summed and texts are cut.

    The rows of a variant still add up to its bytes.
    """
    found = list(variants)
    for rows, characters in _STAGES:
        if _measure(found) <= MAX_BYTES:
            break
        found = [_cut(variant, rows, characters) for variant in variants]
    return to_json(found)


def _measure(variants: Sequence[Variant]) -> int:
    """Return the size of the JSON, variant by variant, because the whole may be too large."""
    return 2 + sum(len(to_json(variant)) + 1 for variant in variants)


def _cut(found: Variant, rows: int, characters: int) -> Variant:
    if isinstance(found, VariantRefusal):
        return found.model_copy(update={"refusal": _shorten(found.refusal, characters)})
    layers, other_layers = _split(found.layers, rows, lambda row: (row.change != "same", row.shipped_bytes))
    ledger, other_owners = _split(found.ledger, rows, lambda row: (abs(row.delta_bytes),))
    return replace(
        found,
        layers=tuple(
            replace(row, instruction=_shorten(row.instruction, characters), diff_id=_shorten(row.diff_id, characters))
            for row in (*layers, *_sum_layers(other_layers))
        ),
        ledger=tuple(_shorten_owner(row, characters) for row in (*ledger, *_sum_owners(other_owners))),
    )


def _split(rows: Sequence[_Row], most: int, weigh: Callable[[_Row], Any]) -> tuple[list[_Row], list[_Row]]:
    """Return the heaviest rows and the others, both in their order."""
    heaviest = set(sorted(range(len(rows)), key=lambda index: weigh(rows[index]), reverse=True)[:most])
    chosen = [row for index, row in enumerate(rows) if index in heaviest]
    return chosen, [row for index, row in enumerate(rows) if index not in heaviest]


def _sum_layers(rows: Sequence[LayerDifference]) -> list[LayerDifference]:
    """Return one row for each kind of change."""
    sums = []
    for change in dict.fromkeys(row.change for row in rows):
        sizes = [row.shipped_bytes for row in rows if row.change == change]
        label = f"({len(sizes)} more layers)"
        sums.append(LayerDifference(instruction=label, diff_id="", change=change, shipped_bytes=sum(sizes)))
    return sums


def _sum_owners(rows: Sequence[LedgerDifference]) -> list[LedgerDifference]:
    if not rows:
        return []
    return [
        LedgerDifference(
            category="rest",
            name=f"({len(rows)} more owners)",
            before_version=None,
            after_version=None,
            before_bytes=sum(row.before_bytes for row in rows),
            after_bytes=sum(row.after_bytes for row in rows),
            delta_bytes=sum(row.delta_bytes for row in rows),
        )
    ]


def _shorten_owner(row: LedgerDifference, most: int) -> LedgerDifference:
    return replace(
        row,
        category=_shorten(row.category, most),
        name=_shorten(row.name, most),
        before_version=row.before_version and _shorten(row.before_version, most),
        after_version=row.after_version and _shorten(row.after_version, most),
    )


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
