"""A difference of two images as tables on a terminal: whose bytes changed, which layers, and what it costs to pull."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from weighbridge.difference import LayerDifference, LedgerDifference, VariantDifference
from weighbridge.render.console import Cell, Column, Style, print_line, print_table
from weighbridge.render.terminal import pulled
from weighbridge.render.units import size

_ROWS = 20
_OWNERS = (
    Column(name="Change", right=True),
    Column(name="Whose"),
    Column(name="Name"),
    Column(name="Now", right=True),
    Column(name="Version", grows=True),
)
_LAYERS = (
    Column(name="Layer"),
    Column(name="Shipped", right=True),
    Column(name="Instruction", grows=True),
)
_CHANGES: dict[str, tuple[str, Style]] = {"added": ("+ added", "yellow"), "removed": ("- removed", "green")}
_NAME_LENGTH = 26


def render(difference: VariantDifference, stream: TextIO | None = None) -> None:
    """Print what changed, the largest first."""
    sizes = f"{size(difference.before_bytes)} to {size(difference.after_bytes)}"
    title = f"{difference.variant}: {signed(difference.delta_bytes)} ({sizes})"
    print_table(title, _OWNERS, [_owner(row) for row in difference.ledger[:_ROWS]], stream=stream)
    rest = difference.ledger[_ROWS:]
    if rest:
        changes = signed(sum(row.delta_bytes for row in rest))
        print_line(Cell(f"And {len(rest)} smaller changes, {changes} in all.", "dim"), stream=stream)
    rows = [_layer(row) for row in difference.layers if row.change != "same"]
    same = len(difference.layers) - len(rows)
    print_table(f"Layers: {same} the same", _LAYERS, rows, stream=stream)
    if difference.cost is not None:
        cost = pulled(difference.cost)
        print_line(f"A node that has the first pulls {cost} for the second.", stream=stream)


def signed(count: int) -> str:
    """Return bytes with their sign; 0 has none."""
    return f"+{size(count)}" if count > 0 else size(count)


def _owner(row: LedgerDifference) -> Sequence[Cell | str]:
    name = row.name if len(row.name) <= _NAME_LENGTH else f"{row.name[: _NAME_LENGTH - 1]}…"
    return (
        Cell(signed(row.delta_bytes), "yellow" if row.delta_bytes > 0 else "green"),
        row.category,
        Cell(name, "bold"),
        size(row.after_bytes),
        _versions(row),
    )


def _versions(row: LedgerDifference) -> str:
    if row.before_version == row.after_version:
        return row.after_version or ""
    return f"{row.before_version or 'none'} -> {row.after_version or 'none'}"


def _layer(row: LayerDifference) -> Sequence[Cell | str]:
    words, style = _CHANGES[row.change]
    return Cell(words, style), size(row.shipped_bytes), row.instruction
