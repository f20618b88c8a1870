"""The difference of two reports, closed to the byte: by variant, then by layer.

Layers are compared by diff ID, as a multiset: an image may hold the same layer twice.
"""

from __future__ import annotations

from collections import Counter

from weighbridge.model import Image, Layer, LayerDifference, Report, VariantDifference


def compare(before: Report, after: Report) -> tuple[VariantDifference, ...]:
    """Return what changed, variant by variant, in the order of `after`, then those only in `before`."""
    old = {image.variant: image for image in before.images}
    new = {image.variant: image for image in after.images}
    names = [*new, *(name for name in old if name not in new)]
    return tuple(_variant(name, old.get(name), new.get(name)) for name in names)


def _variant(name: str, before: Image | None, after: Image | None) -> VariantDifference:
    before_bytes = before.shipped_bytes if before else 0
    after_bytes = after.shipped_bytes if after else 0
    return VariantDifference(
        variant=name,
        before_bytes=before_bytes,
        after_bytes=after_bytes,
        delta_bytes=after_bytes - before_bytes,
        layers=_layers(before.layers if before else (), after.layers if after else ()),
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
