"""Prints a report on a terminal: what to ship and what grew, then each image's owners, layers and waste."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from weighbridge.image.categories import CATEGORIES, WASTED
from weighbridge.image.prelude import strip_prelude
from weighbridge.render.overview import describe_base, format_count, format_pull, name_origin, read_layer_pull
from weighbridge.render.terminal import overview
from weighbridge.render.terminal.console import (
    Cell,
    Column,
    Style,
    print_entries,
    print_line,
    print_paragraph,
    print_table,
)
from weighbridge.report import advice
from weighbridge.report.units import draw_bar, format_size

if TYPE_CHECKING:
    from weighbridge.model.report import Image, Layer, LedgerRow, Rebuild, Sharing, Waste
    from weighbridge.report.summary import Summary

_BAR_WIDTH = 12
_NARROW_BAR_WIDTH = 8
_WASTE_ROWS = 5


def render(summary: Summary, stream: TextIO | None = None) -> None:
    """Print the overview and why the images grew, then the owners, layers and waste of each image."""
    report = summary.report
    overview.render(summary, stream)
    if summary.baseline:
        from weighbridge.render.terminal import difference  # noqa: PLC0415 - most reports have no baseline

        difference.render_growth(summary.baseline, report, stream)
    if report.sharing:
        for line in _describe_sharing(report.sharing):
            print_paragraph(line, stream=stream)
        print_line("", stream=stream)
    rebuilds = [_build_rebuild_row(image.variant, each) for image in report.images for each in image.rebuilds]
    if rebuilds:
        print_table("What a change costs, with a warm cache", _REBUILDS, rebuilds, stream=stream)
    choice = advice.choose_image(summary)
    for image in report.images:
        told = None if image is choice else overview.build_cut_entry(image)  # the overview has the choice's
        if image.ledger:
            print_table(f"{image.variant}: who owns the bytes", _OWNERS, _build_owner_rows(image), stream=stream)
        print_table(
            f"{image.variant}: {_summarise_image(image)}", _LAYERS, _build_layer_rows(image.layers), stream=stream
        )
        if told:
            print_entries([told], stream=stream)
            print_line("", stream=stream)
        _print_waste(image, stream)
    for line in _describe_basis(summary):
        print_paragraph(line, "dim", stream=stream)


_OWNERS = (
    Column(name="Owner"),
    Column(name="Bytes", right=True),
    Column(name="Share"),
    Column(name="The largest", grows=True),
)
_LAYERS = (
    Column(name="Layer", right=True),
    Column(name="Shipped", right=True),
    Column(name="Pull", right=True),
    Column(name="Share"),
    Column(name="From"),
    Column(name="Instruction", grows=True),
)
_REBUILDS = (
    Column(name="Variant"),
    Column(name="Change"),
    Column(name="Seconds", right=True),
    Column(name="Run", right=True),
    Column(name="Cached", right=True),
    Column(name="Pull", right=True),
    Column(name="Layers re-shipped", grows=True),
)
_ORIGINS: dict[bool | None, Style] = {True: "dim", False: "bold", None: "yellow"}


def _build_rebuild_row(variant: str, rebuild: Rebuild) -> Sequence[Cell | str]:
    instructions = ", ".join(strip_prelude(layer.instruction) for layer in rebuild.layers)
    return (
        Cell(variant, "bold"),
        rebuild.change or "nothing",
        f"{rebuild.seconds:.1f}",
        str(rebuild.steps_run),
        str(rebuild.steps_cached),
        format_pull(rebuild.pull),
        f"{len(rebuild.layers)}: {instructions}" if rebuild.layers else "none",
    )


def _describe_sharing(sharing: Sharing) -> Iterator[str]:
    alone = ", ".join(f"{each.variant} {format_size(each.shipped_bytes)}" for each in sharing.unique)
    yield f"Shared layers once: {format_size(sharing.shipped_bytes)}. Each alone: {alone}."
    for twins in sharing.twins:
        names = f"{twins.first} and {twins.second}"
        yield f"Sharing lost: {names} hold the same {format_size(twins.shipped_bytes)}; {twins.why}."


def _summarise_image(image: Image) -> str:
    return f"{format_size(image.shipped_bytes)} in {format_count(len(image.layers), 'layer')}, {describe_base(image)}"


def _build_owner_rows(image: Image) -> list[Sequence[Cell | str]]:
    owned = {category: [row for row in image.ledger if row.category == category] for category in CATEGORIES}
    totals = {category: sum(row.bytes for row in rows) for category, rows in owned.items()}
    return [
        (
            Cell(CATEGORIES[category].title, "bold"),
            format_size(totals[category]),
            Cell(
                draw_bar(totals[category], image.shipped_bytes, _BAR_WIDTH), "yellow" if category == WASTED else "cyan"
            ),
            _list_largest(rows),
        )
        for category, rows in owned.items()
        if rows
    ]


def _list_largest(rows: Sequence[LedgerRow]) -> str:
    return ", ".join(f"{row.name} {format_size(row.bytes)}" for row in rows[:_WASTE_ROWS])


def _build_layer_rows(layers: Sequence[Layer]) -> list[Sequence[Cell | str]]:
    largest = max((layer.shipped_bytes for layer in layers), default=0)
    return [
        (
            str(layer.index),
            format_size(layer.shipped_bytes),
            format_pull(read_layer_pull(layer)),
            Cell(draw_bar(layer.shipped_bytes, largest, _NARROW_BAR_WIDTH), "dim" if layer.in_base else "cyan"),
            Cell(name_origin(layer), _ORIGINS[layer.in_base]),
            Cell(strip_prelude(layer.instruction), "dim" if layer.in_base else ""),
        )
        for layer in layers
    ]


def _print_waste(image: Image, stream: TextIO | None) -> None:
    """Print an image's largest waste, each with its remedy."""
    if not image.waste:
        return
    rest = image.waste[_WASTE_ROWS:]
    more = f", of which {format_size(sum(row.bytes for row in rest))} in {len(rest)} smaller causes" if rest else ""
    print_line(Cell(f"{image.variant}: {format_size(image.wasted_bytes or 0)} wasted{more}", "bold"), stream=stream)
    for row in image.waste[:_WASTE_ROWS]:
        print_paragraph(f"{format_size(row.bytes):>7}  {_describe_waste(row)}", indent=2, stream=stream)
        print_paragraph(row.remedy, "dim", indent=11, stream=stream)
    print_line("", stream=stream)


def _describe_waste(row: Waste) -> str:
    files = "1 file" if row.file_count == 1 else f"{row.file_count:,} files"
    return f"{row.cause.replace('-', ' ')}, layer {row.shipped_by} → {row.killed_by}: {row.path}, {files}"


def _describe_basis(summary: Summary) -> Iterator[str]:
    """Yield what the figures mean, and how they were measured."""
    report = summary.report
    engine = report.engine
    where = f", with engine {engine.version}, store {engine.store}" if engine else ""
    yield "Shipped: sizes of all regular files in all layers; MB = 10^6 bytes."
    if any(image.pull and image.pull.basis == "estimated" for image in report.images):
        yield "Pull: what a node fetches; ~ is an estimate of gzip -6, usually within 2 %."
    if any(image.rebuilds for image in report.images):
        yield "Run, Cached: steps. Code change, and the pull of any change: its new layers and the image's config."
    if summary.standings:
        yield "Smoke rules: ✓ how many of all hold, ✗ how many fail."
        yield "API ready: in the smoke test, with all variants at once."
    yield f"Read from the layers themselves{where}."
