"""Builds the map of an image's parts: tiles for readers without scripts, and data for the script that zooms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from weighbridge.image.categories import BASE, CATEGORIES, get_title
from weighbridge.image.prelude import strip_prelude
from weighbridge.model import tree
from weighbridge.model.tree import Node
from weighbridge.quoting import escape, shorten
from weighbridge.report.units import format_size

if TYPE_CHECKING:
    from weighbridge.model.report import Image, Report

WIDTH, HEIGHT = 960, 440
"""Size of the picture without scripts, in SVG user units."""
_ALL_NODES = 9000
"""The most nodes in all trees of a page: at 60 bytes each they take half of the megabyte that a page may have."""
_HEADER, _GAP = 17, 2
_LEAST_AREA = 100
_LETTER = 6.9
"""Width of an average letter at the size of the labels."""
_NAME = 160
"""The most characters of a name in the map's data."""
_MOST = 300
_LEVELS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A rectangle of the picture. Inner rectangles come after the one that contains them."""

    x: float
    y: float
    width: float
    height: float
    category: str
    label: str
    """As much of the title as fits; may be empty."""
    title: str
    """Name and bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """One image's parts, in one hierarchy."""

    variant: str
    by: str
    """The names of its levels, for people."""
    root: Node


def build_maps(report: Report, trees: Mapping[str, Node], coarseness: int = 1) -> list[Map]:
    """Return the maps of all images: by owner, and by files if the image's tree is known, otherwise by layer.

    Args:
        report: The record.
        trees: Variant -> its tree, for images whose files are known.
        coarseness: 2 keeps half as many parts, and so on.
    """
    limit = max(1, _ALL_NODES // max(1, 2 * len(report.images)) // coarseness)
    found = []
    for image in report.images:
        if image.variant in trees:
            root = tree.fold(trees[image.variant], min(tree.LIMIT, 2 * limit))
            found.append(Map(variant=image.variant, by="layer, owner, folder, file", root=root))
        if image.ledger:
            found.append(
                Map(variant=image.variant, by="owner", root=tree.fold(_build_owner_tree(image), limit, "owners"))
            )
        if image.variant not in trees:
            found.append(Map(variant=image.variant, by="layer", root=_build_layer_tree(image)))
    return found


def _build_owner_tree(image: Image) -> Node:
    """Return a tree of categories and their owners; the ledger is sorted by category."""
    categories = []
    for category, group in groupby(image.ledger, key=lambda row: row.category):
        rows = [
            Node(name=f"{row.name} {row.version or ''}".rstrip(), bytes=row.bytes, category=category) for row in group
        ]
        name, total = get_title(category), sum(row.bytes for row in rows)
        categories.append(Node(name=name, bytes=total, children=tuple(rows), category=category, files=len(rows)))
    return Node(name="", bytes=sum(each.bytes for each in categories), children=tuple(categories))


def _build_layer_tree(image: Image) -> Node:
    layers = tuple(
        Node(
            name=f"{layer.index}: {strip_prelude(layer.instruction)}",
            bytes=layer.shipped_bytes,
            category=BASE if layer.in_base else "",
        )
        for layer in image.layers
    )
    return Node(name="", bytes=image.shipped_bytes, children=layers)


def export_map(shown: Map) -> dict[str, Any]:
    """Return a map in the form that the script reads: each node is a list of name, bytes, category and any children."""
    return {"variant": escape(shown.variant), "by": shown.by, "root": _export_node(shown.root)}


def _export_node(node: Node) -> list[Any]:
    values: list[Any] = [escape(node.name, _NAME), node.bytes, node.category]
    return [*values, [_export_node(child) for child in node.children]] if node.children else values


def build_tiles(root: Node, coarseness: int = 1) -> list[Tile]:
    """Return the tiles of the picture without scripts, `WIDTH` by `HEIGHT`. Higher coarseness drops small tiles."""
    return list(_place_tiles(root, (0, 0, WIDTH, HEIGHT), _LEVELS, _LEAST_AREA * coarseness))


def _place_tiles(node: Node, box: tuple[float, float, float, float], levels: int, least: int) -> Iterator[Tile]:
    from squarify import squarify  # type: ignore[import-untyped]  # noqa: PLC0415 - only this format needs it

    x, y, width, height = box
    scale = width * height / node.bytes if node.bytes else 0
    parts = sorted(node.children, key=lambda part: -part.bytes)[:_MOST]
    parts = [part for part in parts if part.bytes * scale >= least]
    for part, place in zip(parts, squarify([part.bytes * scale for part in parts], x, y, width, height), strict=True):
        left, top = place["x"], place["y"]
        wide, high = max(0, place["dx"] - _GAP), max(0, place["dy"] - _GAP)
        yield Tile(
            x=round(left, 1),
            y=round(top, 1),
            width=round(wide, 1),
            height=round(high, 1),
            category=part.category if part.category in CATEGORIES else "several",
            label=_fit_label(part, wide, high),
            title=f"{escape(part.name, _NAME)}, {format_size(part.bytes)}",
        )
        inner = high - _HEADER - _GAP
        if levels > 1 and part.children and inner > _HEADER and wide > 2 * _HEADER:
            yield from _place_tiles(part, (left + _GAP, top + _HEADER, wide - 2 * _GAP, inner), levels - 1, least)


def _fit_label(part: Node, wide: float, high: float) -> str:
    letters = int((wide - 8) / _LETTER)
    if high < _HEADER - _GAP or letters < 4:  # noqa: PLR2004 - fewer say nothing
        return ""
    figure = format_size(part.bytes)
    name, room = escape(part.name), letters - len(figure) - 1
    if len(name) <= room or room >= 8:  # noqa: PLR2004 - enough of a name to recognise it
        return f"{shorten(name, room)} {figure}"
    return shorten(name, letters)
