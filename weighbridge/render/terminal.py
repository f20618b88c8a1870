"""The results as tables on a terminal: which variant, how much of it is ours, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from weighbridge.model import Image, Layer, Report
from weighbridge.render.console import Cell, Column, print_line, print_table
from weighbridge.render.units import bar, size

_BAR_WIDTH = 12


def render(report: Report, stream: TextIO | None = None) -> None:
    """Print the comparison of all variants, then the layers of each."""
    print_table(
        "What each variant ships", _COMPARISON, [_compared(image, report) for image in report.images], stream=stream
    )
    for image in report.images:
        print_table(f"{image.variant}: {_summary(image)}", _LAYERS, _layers(image.layers), stream=stream)
    for line in _basis(report):
        print_line(Cell(line, "dim"), stream=stream)


_COMPARISON = (
    Column(name="Variant"),
    Column(name="Shipped", right=True),
    Column(name="Base", right=True),
    Column(name="Over base", right=True),
    Column(name="Layers", right=True),
    Column(name="Files", right=True),
    Column(name="Of the largest", grows=True),
)
_LAYERS = (
    Column(name="Layer", right=True),
    Column(name="Shipped", right=True),
    Column(name="Share"),
    Column(name="From"),
    Column(name="Instruction", grows=True),
)
_ORIGINS = {True: Cell("base", "dim"), False: Cell("ours", "bold"), None: Cell("unknown", "yellow")}


def _compared(image: Image, report: Report) -> Sequence[Cell | str]:
    largest = max(other.shipped_bytes for other in report.images)
    share = f"{image.shipped_bytes / largest:4.0%} " if largest else ""
    return (
        Cell(image.variant, "bold"),
        size(image.shipped_bytes),
        size(image.base.shipped_bytes) if image.base else "unknown",
        size(image.shipped_bytes - image.base.shipped_bytes) if image.base else "unknown",
        str(len(image.layers)),
        f"{image.file_count:,}",
        Cell(share + bar(image.shipped_bytes, largest, _BAR_WIDTH), "cyan"),
    )


def _summary(image: Image) -> str:
    base = f"on {image.base.reference}" if image.base else "base unknown or changed since the build"
    layers = f"{len(image.layers)} layer{'' if len(image.layers) == 1 else 's'}"
    return f"{size(image.shipped_bytes)} in {layers}, {base}"


def _layers(layers: Sequence[Layer]) -> list[Sequence[Cell | str]]:
    largest = max((layer.shipped_bytes for layer in layers), default=0)
    return [
        (
            str(layer.index),
            size(layer.shipped_bytes),
            Cell(bar(layer.shipped_bytes, largest, _BAR_WIDTH), "dim" if layer.in_base else "cyan"),
            _ORIGINS[layer.in_base],
            Cell(layer.instruction, "dim" if layer.in_base else ""),
        )
        for layer in layers
    ]


def _basis(report: Report) -> tuple[str, str]:
    engine = report.engine
    where = f", with engine {engine.version}, store {engine.store}" if engine else ""
    return (
        "Shipped: sizes of all regular files in all layers; MB = 10^6 bytes.",
        f"Read from the layers themselves{where}.",
    )
