"""The figures of an image that invoke.yaml can limit, each with a description of its largest part."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from weighbridge.image.prelude import strip_prelude
from weighbridge.model.report import Image, Layer, LedgerRow
from weighbridge.quoting import quoted
from weighbridge.report.units import size

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


def owned(name: str, category: str, version: str | None) -> str:
    """Return an owner's name, version and category on one line: `uvloop 0.23.0 (python)`."""
    return quoted(" ".join(filter(None, (name, version, f"({category})"))))


def _shipped(image: Image) -> Figure:
    return Figure(bytes=image.shipped_bytes, largest=_owner(image, "base"))


def _live(image: Image) -> Figure | None:
    if image.live_bytes is None:
        return None
    return Figure(bytes=image.live_bytes, largest=_owner(image, "base", "wasted"))


def _waste(image: Image) -> Figure | None:
    if image.wasted_bytes is None:
        return None
    row = max(image.waste, key=lambda row: row.bytes, default=None)
    largest = f"largest: {quoted(row.path)} ({row.cause}), {size(row.bytes)}" if row else ""
    return Figure(bytes=image.wasted_bytes, largest=largest)


def _over_base(image: Image) -> Figure | None:
    if image.base is None:
        return None
    return Figure(bytes=image.shipped_bytes - image.base.shipped_bytes, largest=_owner(image, "base"))


def _pull(image: Image) -> Figure | None:
    if image.pull is None:
        return None
    layer = max(_own(image), key=lambda layer: layer.pull_bytes or 0, default=None)
    largest = ""
    if layer and layer.pull_bytes:
        amount = f"{'' if layer.blob else '~'}{size(layer.pull_bytes)}"
        largest = f"largest{_beside(image)}: {_named(layer)}, {amount}"
    return Figure(bytes=image.pull.bytes, largest=largest, estimated=image.pull.basis != "exact")


def _layer(image: Image) -> Figure | None:
    if any(layer.in_base is None for layer in image.layers):
        return None
    layer = max(_own(image), key=lambda layer: layer.shipped_bytes, default=None)
    return Figure(bytes=layer.shipped_bytes if layer else 0, largest=f"it is {_named(layer)}" if layer else "")


def _own(image: Image) -> Iterable[Layer]:
    return (layer for layer in image.layers if not layer.in_base)


def _named(layer: Layer) -> str:
    return f"layer {layer.index}, {quoted(strip_prelude(layer.instruction), _INSTRUCTION_LENGTH)}"


def _owner(image: Image, *unwanted: str) -> str:
    """Return the largest owner outside the unwanted categories, in words."""
    rows = (row for row in image.ledger if row.category not in unwanted)
    row: LedgerRow | None = max(rows, key=lambda row: row.bytes, default=None)
    if row is None:
        return ""
    return f"largest{_beside(image)}: {owned(row.name, row.category, row.version)}, {size(row.bytes)}"


def _beside(image: Image) -> str:
    return " over the base" if image.base and image.base.layers else ""


METRICS = (
    Metric(name="shipped", title="shipped", unknown=_NOT_RECORDED, figure=_shipped),
    Metric(name="pull", title="pull", unknown=_NOT_RECORDED, figure=_pull),
    Metric(name="live", title="live", unknown=_NOT_RECORDED, figure=_live),
    Metric(name="waste", title="waste", unknown=_NOT_RECORDED, figure=_waste),
    Metric(name="over_base", title="over the base", unknown="the base is unknown", figure=_over_base),
    Metric(name="layer", title="largest layer", unknown="the base is unknown", figure=_layer),
)
