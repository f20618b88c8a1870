"""Subtracts one image from another: by layer, by owner, and in the cost of a pull. The rows add up to the byte.

Layers are compared by diff ID, as a multiset, because an image may have the same layer twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from weighbridge.model.report import BASE, Image, Layer, LedgerRow, Pull

LayerChange = Literal["added", "removed", "same"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDifference:
    """A layer of one of two images, or of both."""

    instruction: str
    diff_id: str
    change: LayerChange
    shipped_bytes: int
    """Size of the layer itself, never negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerDifference:
    """One owner's bytes in two images. The rows of a difference add up to its `delta_bytes`."""

    category: str
    name: str
    before_version: str | None
    after_version: str | None
    before_bytes: int
    after_bytes: int
    delta_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantDifference:
    """One variant in two reports. A variant that is missing in a report counts there as 0 bytes."""

    variant: str
    before_bytes: int
    after_bytes: int
    delta_bytes: int
    """`after_bytes - before_bytes`, which is also the bytes of added layers minus those of removed layers."""
    base_delta_bytes: int = 0
    """How much of that comes from the base image: its added layers minus its removed layers; 0 if a base is unknown."""
    layers: tuple[LayerDifference, ...]
    ledger: tuple[LedgerDifference, ...] = ()
    """The largest change first. Owners with the same bytes and version in both are left out. Empty if a ledger is
    missing. Rows of the category `base` mean that the base changed; otherwise its bytes count with their owners."""
    cost: Pull | None = None
    """What a node that has the earlier image pulls for the later one; None if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """Two images' layers, paired by diff ID."""

    same: tuple[tuple[Layer, Layer], ...]
    added: tuple[Layer, ...]
    removed: tuple[Layer, ...]
    """In the order of their image. Of several equal layers, the newest counts as removed."""


def subtract_images(name: str, before: Image | None, after: Image | None) -> VariantDifference:
    """Return what changed from one image to another. None counts as an image without layers.

    Call `comparison.compare_images` instead, which first decides whether the two can be compared.

    Args:
        name: The name of the pair.
        before: The earlier image.
        after: The later image.
    """
    before_bytes = before.shipped_bytes if before else 0
    after_bytes = after.shipped_bytes if after else 0
    later = after.layers if after else ()
    match = _match_layers(before.layers if before else (), later)
    return VariantDifference(
        variant=name,
        before_bytes=before_bytes,
        after_bytes=after_bytes,
        delta_bytes=after_bytes - before_bytes,
        base_delta_bytes=_subtract_bases(before, after, match),
        layers=_list_layers(later, match),
        ledger=_subtract_ledgers(before, after, match),
        cost=_compute_cost(before, after),
    )


def _match_layers(before: Sequence[Layer], after: Sequence[Layer]) -> _Match:
    left = defaultdict[str, list[Layer]](list)
    for layer in reversed(before):
        left[layer.diff_id].append(layer)
    same, added = list[tuple[Layer, Layer]](), list[Layer]()
    for layer in after:
        if left[layer.diff_id]:
            same.append((left[layer.diff_id].pop(), layer))
        else:
            added.append(layer)
    gone = {id(layer) for layers in left.values() for layer in layers}
    return _Match(same=tuple(same), added=tuple(added), removed=tuple(each for each in before if id(each) in gone))


def _list_layers(after: Sequence[Layer], match: _Match) -> tuple[LayerDifference, ...]:
    """Return every layer of `after` in order, followed by the layers that only the earlier image had."""
    added = {id(layer) for layer in match.added}
    return (
        *(_build_row(layer, "added" if id(layer) in added else "same") for layer in after),
        *(_build_row(layer, "removed") for layer in match.removed),
    )


def _build_row(layer: Layer, change: LayerChange) -> LayerDifference:
    return LayerDifference(
        instruction=layer.instruction, diff_id=layer.diff_id, change=change, shipped_bytes=layer.shipped_bytes
    )


def _subtract_ledgers(before: Image | None, after: Image | None, match: _Match) -> tuple[LedgerDifference, ...]:
    """Return the owners that changed. Several rows of one owner, in several versions, count as one."""
    if any(image and image.shipped_bytes and not image.ledger for image in (before, after)):
        return ()  # recorded by a version that kept no ledger
    by_kind = _has_base_in_both(before, after, match)
    old, new = (_sum_by_owner(image.ledger if image else (), by_kind=by_kind) for image in (before, after))
    rows = []
    for category, name in [*new, *(owner for owner in old if owner not in new)]:
        (was, old_version), (now, new_version) = (side.get((category, name), (0, None)) for side in (old, new))
        if was != now or old_version != new_version:
            rows.append(
                LedgerDifference(
                    category=category,
                    name=name,
                    before_version=old_version,
                    after_version=new_version,
                    before_bytes=was,
                    after_bytes=now,
                    delta_bytes=now - was,
                )
            )
    return tuple(sorted(rows, key=lambda row: (-abs(row.delta_bytes), row.category, row.name)))


def subtract_bases(before: Image, after: Image) -> int:
    """Return `VariantDifference.base_delta_bytes` of two images."""
    return _subtract_bases(before, after, _match_layers(before.layers, after.layers))


def _subtract_bases(before: Image | None, after: Image | None, match: _Match) -> int:
    """Return by how many bytes the base changed the image. Layers that both images have do not count."""
    if not (before and before.base and after and after.base):
        return 0
    old, new = before.base.layers, after.base.layers
    added = sum(layer.shipped_bytes for layer in match.added if layer.index < new)
    return added - sum(layer.shipped_bytes for layer in match.removed if layer.index < old)


def _has_base_in_both(before: Image | None, after: Image | None, match: _Match) -> bool:
    """Return whether to count the base's bytes with their owners, because both images have layers of the base.

    That is so if both have the same base layers, or if both have a layer that only one of them counts to its base. In
    the second case, an owner of that layer would otherwise seem to have gone. Both records must name the owners of the
    base's bytes.
    """
    if before is None or after is None:
        return False
    if not all(row.kind for image in (before, after) for row in image.ledger if row.category == BASE):
        return False
    depths = [image.base.layers if image.base else 0 for image in (before, after)]
    if any((old.index < depths[0]) != (new.index < depths[1]) for old, new in match.same):
        return True
    bases = [[x.diff_id for x in image.layers[:depth]] for image, depth in zip((before, after), depths, strict=True)]
    return bases[0] == bases[1]


def _sum_by_owner(ledger: tuple[LedgerRow, ...], *, by_kind: bool) -> dict[tuple[str, str], tuple[int, str | None]]:
    """Return the bytes and version of each owner.

    With `by_kind`, bytes of the base count with the same owner's bytes in later layers. The base did not change, so if
    it has fewer visible bytes, a later layer hides them: files that are shipped again then appear once, as waste.
    """
    found = dict[tuple[str, str], tuple[int, str | None]]()
    for row in ledger:
        category = row.kind or row.category if by_kind else row.category
        size, version = found.get((category, row.name), (0, None))
        told = ", ".join(filter(None, (version, row.version))) if version != row.version else version
        found[category, row.name] = (size + row.bytes, told or None)
    return found


def _compute_cost(before: Image | None, after: Image | None) -> Pull | None:
    """Return the bytes of the blobs of `after` that a node with `before` does not have; each blob once.

    Blobs are matched by digest if both images record digests, otherwise layers are matched by diff ID. The config is
    new unless the image is the same.
    """
    if after is None or after.pull is None or any(layer.pull_bytes is None for layer in after.layers):
        return None
    if before and before.id == after.id:
        return Pull(bytes=0, basis=after.pull.basis)
    pairs = [image.layers for image in (before, after) if image]
    by_blob = all(layer.blob for layers in pairs for layer in layers)
    there = {layer.blob if by_blob else layer.diff_id for layer in (before.layers if before else ())}
    new = {key: layer for layer in after.layers if (key := layer.blob if by_blob else layer.diff_id) not in there}
    config = after.pull.bytes - sum(layer.pull_bytes or 0 for layer in {x.diff_id: x for x in after.layers}.values())
    exact = all(layer.blob for layer in new.values())
    return Pull(
        bytes=config + sum(layer.pull_bytes or 0 for layer in new.values()), basis="exact" if exact else "estimated"
    )
