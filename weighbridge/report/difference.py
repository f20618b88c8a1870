"""The difference of two images, closed to the byte: by layer, by owner, and what it costs to pull.

Layers are compared by diff ID, as a multiset: an image may hold the same layer twice.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from weighbridge.model.report import Image, Layer, LedgerRow, Pull, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDifference:
    """A layer that only one of two images has, or that both have."""

    instruction: str
    diff_id: str
    change: str
    """`added`, `removed` or `same`."""
    shipped_bytes: int
    """Size of the layer itself; its sign is told by `change`."""


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
    """One variant in two reports. A variant that a report lacks counts as 0 bytes there."""

    variant: str
    before_bytes: int
    after_bytes: int
    delta_bytes: int
    """`after_bytes - before_bytes`: also the added layers' bytes less the removed ones'."""
    base_delta_bytes: int = 0
    """What of that the base image did: the difference of what both bases ship; 0 where an image's is not known."""
    layers: tuple[LayerDifference, ...]
    ledger: tuple[LedgerDifference, ...] = ()
    """The largest change first; owners whose bytes and version stayed are left out. Empty where a ledger is missing."""
    cost: Pull | None = None
    """What a node that has the earlier image pulls for the later; None where that cannot be told."""


def compare(before: Report, after: Report) -> tuple[VariantDifference, ...]:
    """Return what changed, variant by variant, in the order of `after`, then those only in `before`."""
    old = {image.variant: image for image in before.images}
    new = {image.variant: image for image in after.images}
    names = [*new, *(name for name in old if name not in new)]
    return tuple(compare_images(name, old.get(name), new.get(name)) for name in names)


def compare_images(name: str, before: Image | None, after: Image | None) -> VariantDifference:
    """Return what changed from one image to another; one that is None counts as 0 bytes.

    Args:
        name: What the difference calls the pair.
        before: The earlier image.
        after: The later image.
    """
    before_bytes = before.shipped_bytes if before else 0
    after_bytes = after.shipped_bytes if after else 0
    return VariantDifference(
        variant=name,
        before_bytes=before_bytes,
        after_bytes=after_bytes,
        delta_bytes=after_bytes - before_bytes,
        base_delta_bytes=_base_delta(before, after),
        layers=_layers(before.layers if before else (), after.layers if after else ()),
        ledger=_ledger(before, after),
        cost=_cost(before, after),
    )


def _layers(before: tuple[Layer, ...], after: tuple[Layer, ...]) -> tuple[LayerDifference, ...]:
    """Name every layer of `after` in order, then what only `before` had."""
    left = Counter(layer.diff_id for layer in before)
    rows = []
    for layer in after:
        kept = left[layer.diff_id] > 0
        left[layer.diff_id] -= kept
        rows.append(_row(layer, "same" if kept else "added"))
    gone = []
    for layer in reversed(before):  # the newest of equal layers is the one that went
        if left[layer.diff_id] > 0:
            left[layer.diff_id] -= 1
            gone.append(_row(layer, "removed"))
    return (*rows, *reversed(gone))


def _row(layer: Layer, change: str) -> LayerDifference:
    return LayerDifference(
        instruction=layer.instruction, diff_id=layer.diff_id, change=change, shipped_bytes=layer.shipped_bytes
    )


def _ledger(before: Image | None, after: Image | None) -> tuple[LedgerDifference, ...]:
    """Pair the rows of two ledgers. Several rows of one owner, in several versions, count as one."""
    if any(image and image.shipped_bytes and not image.ledger for image in (before, after)):
        return ()  # a record of a version that kept no ledger
    by_kind = _has_same_base(before, after)
    old, new = (_by_owner(image.ledger if image else (), by_kind=by_kind) for image in (before, after))
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


def _base_delta(before: Image | None, after: Image | None) -> int:
    bases = [image.base for image in (before, after) if image and image.base]
    return bases[1].shipped_bytes - bases[0].shipped_bytes if len(bases) == 2 else 0  # noqa: PLR2004 - both


def _has_same_base(before: Image | None, after: Image | None) -> bool:
    """Tell whether both stand on the same layers, and both records tell whose packages those hold."""
    if before is None or after is None:
        return False
    layers = [tuple(layer.diff_id for layer in image.layers if layer.in_base) for image in (before, after)]
    told = all(row.kind for image in (before, after) for row in image.ledger if row.category == "base")
    return layers[0] == layers[1] and told


def _by_owner(ledger: tuple[LedgerRow, ...], *, by_kind: bool) -> dict[tuple[str, str], tuple[int, str | None]]:
    """Return the bytes and version of each owner.

    A base that stayed did not drift: where there are fewer bytes of it, a later layer hides them. They count with what
    the same owner has in that layer, so that what is shipped again is told once, as waste.
    """
    found = dict[tuple[str, str], tuple[int, str | None]]()
    for row in ledger:
        category = row.kind or row.category if by_kind else row.category
        size, version = found.get((category, row.name), (0, None))
        told = ", ".join(filter(None, (version, row.version))) if version != row.version else version
        found[category, row.name] = (size + row.bytes, told or None)
    return found


def _cost(before: Image | None, after: Image | None) -> Pull | None:
    """Return the bytes of the blobs of `after` that a node with `before` lacks; each blob once.

    A node keeps compressed blobs by their digest where both images tell it, and layers by their diff ID else. The
    config is always new, unless the image is the same.
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
