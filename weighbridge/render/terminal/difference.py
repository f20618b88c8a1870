"""Prints the difference of two images on a terminal: which owners and layers changed, and what a pull costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO, assert_never

from weighbridge.image.prelude import strip_prelude
from weighbridge.model.report import Image, Report
from weighbridge.quoting import shorten
from weighbridge.render.overview import format_count, format_delta, format_pull, format_versions
from weighbridge.render.terminal.console import Cell, Column, Style, print_line, print_paragraph, print_table
from weighbridge.report.base_release import find_release_change
from weighbridge.report.units import format_size

if TYPE_CHECKING:
    from weighbridge.report.comparison import Comparison
    from weighbridge.report.difference import LayerChange, LayerDifference, LedgerDifference
    from weighbridge.report.growth import Cause
    from weighbridge.report.summary import Baseline

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
    difference, title = comparison.difference, f"{comparison.variant}: {_format_change(comparison)}"
    _print_causes(comparison, title, _ROWS, stream=stream)
    rows = [_build_layer_row(row) for row in difference.layers if row.change != "same"]
    same = len(difference.layers) - len(rows)
    print_table(f"Layers: {same} the same", _LAYERS, rows, stream=stream)
    if difference.cost is not None:
        cost = format_pull(difference.cost)
        print_line(f"A node that has the first image pulls {cost} for the second.", stream=stream)


def render_growth(baseline: Baseline, report: Report, stream: TextIO | None = None) -> None:
    """Print why each variant of a report changed since the baseline, or why it is not compared."""
    earlier, later = ({each.variant: each for each in it.images} for it in (baseline.report, report))
    grown = [each for each in baseline.comparisons if _has_changed(each)]
    for each in grown:
        title = f"{each.variant}: {_format_change(each)} since {baseline.label}"
        pair = earlier.get(each.variant), later.get(each.variant)
        _print_causes(each, title, _ROWS_OF_REPORT, pair, stream=stream)
        if each.difference.cost is not None:
            cost = format_pull(each.difference.cost)
            print_line(f"A node that has the earlier image pulls {cost} for this one.", stream=stream)
        print_line("", stream=stream)
    lines = _list_others(baseline, [each for each in baseline.comparisons if not _has_changed(each)])
    for line in lines:
        print_paragraph(line, stream=stream)
    if lines:
        print_line("", stream=stream)


def _format_change(comparison: Comparison) -> str:
    difference = comparison.difference
    before, after = format_size(difference.before_bytes), format_size(difference.after_bytes)
    slight = ", almost unchanged" if comparison.is_noise and difference.delta_bytes else ""
    return f"{format_delta(difference.delta_bytes)} ({before} to {after}{slight})"


def _has_changed(comparison: Comparison) -> bool:
    """Return whether a cause is larger than the noise limit."""
    return any(abs(each.delta_bytes) >= comparison.noise_bytes for each in comparison.growth.causes)


def _list_others(baseline: Baseline, quiet: Sequence[Comparison]) -> list[str]:
    lines = [f"{variant} is not compared: {why}" for variant, why in baseline.refusals.items()]
    same = [each.variant for each in quiet if not each.delta_bytes]
    if same:
        lines.append(f"Unchanged in size since {baseline.label}: {', '.join(same)}.")
    slight = [f"{each.variant} {format_delta(each.delta_bytes)}" for each in quiet if each.delta_bytes]
    if slight:
        lines.append(f"Almost unchanged since {baseline.label}: {', '.join(slight)}.")
    return lines


def _print_causes(
    comparison: Comparison, title: str, count: int, pair: _Pair = (None, None), *, stream: TextIO | None
) -> None:
    """Print the largest causes, the others in one row, and the whole change."""
    grown = comparison.growth
    shown, rest = grown.split_largest(count)
    rows = [_build_cause_row(each, pair) for each in shown]
    if rest:
        many = f"and {format_count(len(rest), 'smaller change')}"
        rows.append((Cell(format_delta(sum(each.delta_bytes for each in rest)), "dim"), "", Cell(many, "dim"), ""))
    rows.append((Cell(format_delta(grown.delta_bytes), "bold"), Cell("in all", "bold"), "", ""))
    print_table(title, _CAUSES, rows, stream=stream)
    if grown.base_bytes:
        base, own = format_delta(grown.base_bytes), format_delta(grown.own_bytes)
        print_line(f"The base image changed by {base}, the rest by {own}.", stream=stream)


def _build_cause_row(cause: Cause, pair: _Pair) -> Sequence[Cell | str]:
    name = shorten(cause.name, _NAME_LENGTH)
    owner, detail = cause.category, format_versions(cause.before_version, cause.after_version)
    match cause.kind:
        case "base":
            owner, (name, detail) = "base image", _describe_base(cause.parts, pair)
        case "layer":
            name, detail = "added" if cause.delta_bytes >= 0 else "removed", strip_prelude(cause.name)
        case "waste":
            detail = _locate_waste(pair[1], cause.name) if pair[1] else ""
        case "bytecode" | "owner":
            pass
        case _:
            assert_never(cause.kind)
    style: Style = "yellow" if cause.delta_bytes > 0 else "green"
    return Cell(format_delta(cause.delta_bytes), style), owner, Cell(name, "bold"), detail


def _describe_base(parts: Sequence[LedgerDifference], pair: _Pair) -> tuple[str, str]:
    """Return a name and what changed most in the base image, starting with its new reference if that changed."""
    releases = find_release_change(parts)
    name = f"{releases[0]} {releases[1]} → {releases[2]}" if releases else format_count(len(parts), "package")
    told = [f"{row.name} {format_delta(row.delta_bytes)}" for row in parts[:_PARTS] if row.delta_bytes]
    before, after = (image.base.reference if image and image.base else "" for image in pair)
    if before and after and before != after:
        told.insert(0, f"{before} → {after}")
    return name, ", ".join(told)


def _locate_waste(image: Image, cause: str) -> str:
    """Return where most was wasted for that reason; the ledger's row has only the sum."""
    rows = [row for row in image.waste if row.cause == cause]
    if not rows:
        return ""
    worst = max(rows, key=lambda row: row.bytes)
    return f"layer {worst.shipped_by} → {worst.killed_by}: {worst.path}"


def _build_layer_row(row: LayerDifference) -> Sequence[Cell | str]:
    words, style = _CHANGES[row.change]
    return Cell(words, style), format_size(row.shipped_bytes), strip_prelude(row.instruction)
