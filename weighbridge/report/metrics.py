"""The figures of an image that invoke.yaml can limit, each with a description of its largest part."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from weighbridge.image.prelude import strip_prelude
from weighbridge.model.report import BASE, WASTED, Image, Layer, LedgerRow
from weighbridge.quoting import quote
from weighbridge.report.units import format_size

_INSTRUCTION_LENGTH = 60
_NOT_RECORDED = "the record does not contain it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure to check against a limit."""

    bytes: int
    largest: str
    """Its largest part, such as `largest over the base: uvloop 0.23.0 (python), 1.80 MB`; empty if it has no parts."""
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One kind of figure."""

    name: str
    """The key of its limit in invoke.yaml."""
    title: str
    unknown: str
    """The reason to give if an image's figure is unknown."""
    figure: Callable[[Image], Figure | None]
    """Returns an image's figure; None if it is unknown."""


def name_owner(name: str, category: str, version: str | None) -> str:
    """Return an owner's name, version and category on one line: `uvloop 0.23.0 (python)`."""
    return quote(" ".join(filter(None, (name, version, f"({category})"))))


def _measure_shipped(image: Image) -> Figure:
    return Figure(bytes=image.shipped_bytes, largest=_describe_largest(image, BASE))


def _measure_live(image: Image) -> Figure | None:
    if image.live_bytes is None:
        return None
    return Figure(bytes=image.live_bytes, largest=_describe_largest(image, BASE, WASTED))


def _measure_waste(image: Image) -> Figure | None:
    if image.wasted_bytes is None:
        return None
    row = max(image.waste, key=lambda row: row.bytes, default=None)
    largest = f"largest: {quote(row.path)} ({row.cause}), {format_size(row.bytes)}" if row else ""
    return Figure(bytes=image.wasted_bytes, largest=largest)


def _measure_over_base(image: Image) -> Figure | None:
    if image.base is None:
        return None
    return Figure(bytes=image.shipped_bytes - image.base.shipped_bytes, largest=_describe_largest(image, BASE))


def _measure_pull(image: Image) -> Figure | None:
    if image.pull is None:
        return None
    layer = max(_select_own(image), key=lambda layer: layer.pull_bytes or 0, default=None)
    largest = ""
    if layer and layer.pull_bytes:
        amount = f"{'' if layer.blob else '~'}{format_size(layer.pull_bytes)}"
        largest = f"largest{_describe_scope(image)}: {_name_layer(layer)}, {amount}"
    return Figure(bytes=image.pull.bytes, largest=largest, estimated=image.pull.basis != "exact")


def _measure_layer(image: Image) -> Figure | None:
    if any(layer.in_base is None for layer in image.layers):
        return None
    layer = max(_select_own(image), key=lambda layer: layer.shipped_bytes, default=None)
    return Figure(bytes=layer.shipped_bytes if layer else 0, largest=f"it is {_name_layer(layer)}" if layer else "")


def _select_own(image: Image) -> Iterable[Layer]:
    return (layer for layer in image.layers if not layer.in_base)


def _name_layer(layer: Layer) -> str:
    return f"layer {layer.index}, {quote(strip_prelude(layer.instruction), _INSTRUCTION_LENGTH)}"


def _describe_largest(image: Image, *unwanted: str) -> str:
    """Return the largest owner outside the unwanted categories, in words."""
    rows = (row for row in image.ledger if row.category not in unwanted)
    row: LedgerRow | None = max(rows, key=lambda row: row.bytes, default=None)
    if row is None:
        return ""
    return (
        f"largest{_describe_scope(image)}: {name_owner(row.name, row.category, row.version)}, {format_size(row.bytes)}"
    )


def _describe_scope(image: Image) -> str:
    return " over the base" if image.base and image.base.layers else ""


METRICS = (
    Metric(name="shipped", title="shipped", unknown=_NOT_RECORDED, figure=_measure_shipped),
    Metric(name="pull", title="pull", unknown=_NOT_RECORDED, figure=_measure_pull),
    Metric(name="live", title="live", unknown=_NOT_RECORDED, figure=_measure_live),
    Metric(name="waste", title="waste", unknown=_NOT_RECORDED, figure=_measure_waste),
    Metric(name="over_base", title="over the base", unknown="the base is unknown", figure=_measure_over_base),
    Metric(name="layer", title="largest layer", unknown="the base is unknown", figure=_measure_layer),
)
