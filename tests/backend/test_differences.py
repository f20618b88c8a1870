"""Differences are small, and their rows still add up."""

from __future__ import annotations

import json
from typing import Any

from backend import differences
from backend.schemas import VariantRefusal
from weighbridge.report.difference import LayerDifference, LedgerDifference, VariantDifference


def _variant(name: str, *, rows: int, text: str) -> VariantDifference:
    changes: tuple[Any, ...] = ("same", "added", "removed")
    layers = tuple(
        LayerDifference(
            instruction=f"{number}{text}", diff_id=text, change=changes[number % 3], shipped_bytes=7 * number
        )
        for number in range(rows)
    )
    ledger = tuple(
        LedgerDifference(
            category="debian",
            name=f"{number}{text}",
            before_version=text,
            after_version=None,
            before_bytes=number,
            after_bytes=3 * number * (-1) ** number + 2 * rows * 3,
            delta_bytes=3 * number * (-1) ** number + 2 * rows * 3 - number,
        )
        for number in range(rows)
    )
    delta = sum(row.delta_bytes for row in ledger)
    return VariantDifference(
        variant=name, before_bytes=0, after_bytes=delta, delta_bytes=delta, layers=layers, ledger=ledger
    )


def test_an_ordinary_difference_stays_as_it_is() -> None:
    """Every row and every character, up to the limit."""
    variants: list[Any] = [_variant("a", rows=300, text="x" * 50), VariantRefusal(variant="b", refusal="no" * 5000)]
    written = json.loads(differences.write(variants))

    assert [len(written[0][name]) for name in ("layers", "ledger")] == [300, 300]
    assert written[0]["ledger"][0]["name"] == "0" + "x" * 50
    assert written[1]["refusal"] == "no" * 5000


def test_a_huge_difference_is_small_and_adds_up() -> None:
    """The largest changes are among the rows, and the sums of rows are what they were."""
    variants = [_variant(str(number), rows=2000, text="é" * 400) for number in range(20)]
    whole = differences._measure(variants)
    text = differences.write(variants)
    written = json.loads(text)

    assert whole > 5 * differences.MAX_BYTES
    assert len(text) <= differences.MAX_BYTES
    for before, after in zip(variants, written, strict=True):
        for name in ("before_bytes", "after_bytes", "delta_bytes"):
            assert sum(row[name] for row in after["ledger"]) == sum(getattr(row, name) for row in before.ledger)
        for change in ("same", "added", "removed"):
            expected = sum(row.shipped_bytes for row in before.layers if row.change == change)
            assert sum(row["shipped_bytes"] for row in after["layers"] if row["change"] == change) == expected
        largest = max(before.ledger, key=lambda row: abs(row.delta_bytes))
        assert largest.delta_bytes in {row["delta_bytes"] for row in after["ledger"]}
        assert after["ledger"][-1]["category"] == "rest"


def test_the_worst_case_is_small() -> None:
    """As many variants and rows as two records may have, and texts that no image has."""
    text = "\N{PILE OF POO}" * 3000
    variants: list[Any] = [_variant(f"{number}" * 50, rows=40, text=text) for number in range(100)]
    variants += [VariantRefusal(variant=str(number), refusal=text) for number in range(100)]

    assert len(differences.write(variants)) <= differences.MAX_BYTES
