"""Prints the difference of two images on a terminal: which owners and layers changed, and what a pull costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO, assert_never

from weighbridge.image.prelude import strip_prelude
from weighbridge.model.report import Image
from weighbridge.quoting import shortened
from weighbridge.render.overview import counted, pulled, signed, versions
from weighbridge.render.terminal.console import Cell, Column, Style, print_line, print_paragraph, print_table
from weighbridge.report.base_release import find_release_change
from weighbridge.report.comparison import Comparison
from weighbridge.report.difference import LayerChange, LayerDifference, LedgerDifference
from weighbridge.report.growth import Cause
from weighbridge.report.summary import Baseline, Summary
from weighbridge.report.units import size

_ROWS = 20
_ROWS_OF_REPORT = 10
_PARTS = 3
_CAUSES = (
    Column(name="Change", right=True),
    Column(name="Owner"),
    Column(name="Name"),
    Column(name="What changed", grows=True),
)
_LAYERS = (
    Column(name="Layer"),
    Column(name="Shipped", right=True),
    Column(name="Instruction", grows=True),
)
_CHANGES: dict[LayerChange, tuple[str, Style]] = {
    "added": ("+ added", "yellow"),
    "removed": ("- removed", "green"),
    "same": ("= same", ""),
}
_NAME_LENGTH = 26
_Pair = tuple[Image | None, Image | None]
"""The earlier and the later image, for details that their difference does not contain; None if unavailable."""


def render(comparison: Comparison, stream: TextIO | None = None) -> None:
    """Print what changed, the largest first, in rows that add up to the whole change."""
    difference, title = comparison.difference, f"{comparison.variant}: {_change(comparison)}"
    _print_causes(comparison, title, _ROWS, stream=stream)
    rows = [_layer(row) for row in difference.layers if row.change != "same"]
    same = len(difference.layers) - len(rows)
    print_table(f"Layers: {same} the same", _LAYERS, rows, stream=stream)
    if difference.cost is not None:
        cost = pulled(difference.cost)
        print_line(f"A node that has the first image pulls {cost} for the second.", stream=stream)


def render_growth(summary: Summary, stream: TextIO | None = None) -> None:
    """Print why each variant changed since the baseline, or why it is not compared; nothing without a baseline."""
    baseline = summary.baseline
    if baseline is None:
        return
    earlier, later = ({each.variant: each for each in it.images} for it in (baseline.report, summary.report))
    grown = [each for each in baseline.comparisons if _tells(each)]
    for each in grown:
        title = f"{each.variant}: {_change(each)} since {baseline.label}"
        pair = earlier.get(each.variant), later.get(each.variant)
        _print_causes(each, title, _ROWS_OF_REPORT, pair, stream=stream)
        if each.difference.cost is not None:
            cost = pulled(each.difference.cost)
            print_line(f"A node that has the earlier image pulls {cost} for this one.", stream=stream)
        print_line("", stream=stream)
    lines = _others(baseline, [each for each in baseline.comparisons if not _tells(each)])
    for line in lines:
        print_paragraph(line, stream=stream)
    if lines:
        print_line("", stream=stream)


def _change(comparison: Comparison) -> str:
    difference = comparison.difference
    before, after = size(difference.before_bytes), size(difference.after_bytes)
    return f"{signed(difference.delta_bytes)} ({before} to {after})"


def _tells(comparison: Comparison) -> bool:
    """Return whether a cause is larger than the noise limit."""
    return any(abs(each.delta_bytes) >= comparison.noise_bytes for each in comparison.growth.causes)


def _others(baseline: Baseline, quiet: Sequence[Comparison]) -> list[str]:
    lines = [f"{variant} is not compared: {why}" for variant, why in baseline.refusals.items()]
    same = [each.variant for each in quiet if not each.delta_bytes]
    if same:
        lines.append(f"Unchanged in size since {baseline.label}: {', '.join(same)}.")
    slight = [f"{each.variant} {signed(each.delta_bytes)}" for each in quiet if each.delta_bytes]
    if slight:
        lines.append(f"Almost unchanged since {baseline.label}: {', '.join(slight)}.")
    return lines


def _print_causes(
    comparison: Comparison, title: str, count: int, pair: _Pair = (None, None), *, stream: TextIO | None
) -> None:
    """Print the largest causes, the others in one row, and the whole change."""
    grown = comparison.growth
    shown, rest = grown.largest(count)
    rows = [_cause(each, pair) for each in shown]
    if rest:
        many = f"and {counted(len(rest), 'smaller change')}"
        rows.append((Cell(signed(sum(each.delta_bytes for each in rest)), "dim"), "", Cell(many, "dim"), ""))
    rows.append((Cell(signed(grown.delta_bytes), "bold"), Cell("in all", "bold"), "", ""))
    print_table(title, _CAUSES, rows, stream=stream)
    if grown.base_bytes:
        base, own = signed(grown.base_bytes), signed(grown.own_bytes)
        print_line(f"The base image changed by {base}, the rest by {own}.", stream=stream)


def _cause(cause: Cause, pair: _Pair) -> Sequence[Cell | str]:
    name = shortened(cause.name, _NAME_LENGTH)
    owner, detail = cause.category, versions(cause.before_version, cause.after_version)
    match cause.kind:
        case "base":
            owner, (name, detail) = "base image", _base(cause.parts, pair)
        case "layer":
            name, detail = "added" if cause.delta_bytes >= 0 else "removed", strip_prelude(cause.name)
        case "waste":
            detail = _place(pair[1], cause.name) if pair[1] else ""
        case "bytecode" | "owner":
            pass
        case _:
            assert_never(cause.kind)
    style: Style = "yellow" if cause.delta_bytes > 0 else "green"
    return Cell(signed(cause.delta_bytes), style), owner, Cell(name, "bold"), detail


def _base(parts: Sequence[LedgerDifference], pair: _Pair) -> tuple[str, str]:
    """Return a name and what changed most in the base image, starting with its new reference if that changed."""
    releases = find_release_change(parts)
    name = f"{releases[0]} {releases[1]} → {releases[2]}" if releases else counted(len(parts), "package")
    told = [f"{row.name} {signed(row.delta_bytes)}" for row in parts[:_PARTS] if row.delta_bytes]
    before, after = (image.base.reference if image and image.base else "" for image in pair)
    if before and after and before != after:
        told.insert(0, f"{before} → {after}")
    return name, ", ".join(told)


def _place(image: Image, cause: str) -> str:
    """Return where most was wasted for that reason; the ledger's row has only the sum."""
    rows = [row for row in image.waste if row.cause == cause]
    if not rows:
        return ""
    worst = max(rows, key=lambda row: row.bytes)
    return f"layer {worst.shipped_by} → {worst.killed_by}: {worst.path}"


def _layer(row: LayerDifference) -> Sequence[Cell | str]:
    words, style = _CHANGES[row.change]
    return Cell(words, style), size(row.shipped_bytes), strip_prelude(row.instruction)
