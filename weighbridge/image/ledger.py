"""Builds the ledger of one image: which owner has each of its bytes. The rows add up to what the image ships."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from weighbridge.image.categories import BASE, CATEGORIES, WASTED
from weighbridge.image.dependencies import Key, Needs
from weighbridge.image.filesystem import Filesystem
from weighbridge.image.owners import Owner
from weighbridge.model.report import LedgerRow, Waste

_ORDER = {category: place for place, category in enumerate(CATEGORIES)}


def build_ledger(
    view: Filesystem,
    base_layers: int,
    owned: tuple[Sequence[Owner], array[int]],
    waste: Iterable[Waste],
    needs: Mapping[Key, Needs] | None = None,
) -> tuple[LedgerRow, ...]:
    """Return the bytes of each owner; the rows add up to what the image ships.

    Args:
        view: The merged layers.
        base_layers: How many of them came with the base image. Files of these layers count to the base, whoever
            owns them.
        owned: What `owners.find_owners` returns for `view`.
        waste: The image's wasted bytes.
        needs: Who requires and who requested each package that did not come with the base image.
    """
    known, owner = owned
    rows = Counter[tuple[str, str, str | None, str | None]]()
    for layer, (content, offset) in enumerate(zip(view.layers, view.offsets, strict=True)):
        places = owner[offset : offset + content.entry_count]
        links = view.links[offset : offset + content.entry_count]
        sizes = Counter[int]()
        for size, place, seen in zip(content.sizes, places, links, strict=True):
            if size and seen > 0:
                sizes[place] += size
        for place, size in sizes.items():
            who = known[place]
            category, kind = (BASE, who.category) if layer < base_layers else (who.category, None)
            rows[category, who.name, who.version, kind] += size
    for each in waste:
        rows[WASTED, each.cause, None, None] += each.bytes
    return _sort_rows(
        LedgerRow(
            category=category,
            name=name,
            version=version,
            bytes=size,
            kind=kind,
            required_by=need.required_by if need else None,
            requested=need.requested if need else None,
        )
        for (category, name, version, kind), size in rows.items()
        for need in [(needs or {}).get((category, name, version))]
    )


def _sort_rows(rows: Iterable[LedgerRow]) -> tuple[LedgerRow, ...]:
    return tuple(sorted(rows, key=_rank_row))


def _rank_row(row: LedgerRow) -> tuple[object, ...]:
    return _ORDER[row.category], -row.bytes, row.name, row.version or "", row.kind
