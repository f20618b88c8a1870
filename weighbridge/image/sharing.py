"""Computes what several images share on a node that keeps all of them, and which equal layers they fail to share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from weighbridge.image.layer import Fingerprint
from weighbridge.model.report import Image, OwnBytes, Sharing, Twins


def measure_sharing(images: Sequence[Image], fingerprints: Mapping[str, Fingerprint]) -> Sharing | None:
    """Return what the images share; None for fewer than two images.

    Args:
        images: Measured images.
        fingerprints: Diff ID -> fingerprint, for all their layers.
    """
    if len(images) < 2:  # noqa: PLR2004 - one image shares nothing
        return None
    layers = {layer.diff_id: layer for image in images for layer in image.layers}
    users = Counter(diff_id for image in images for diff_id in {layer.diff_id for layer in image.layers})
    unique = [
        OwnBytes(
            variant=image.variant,
            shipped_bytes=sum(layer.shipped_bytes for layer in own.values()),
            pull_bytes=sum(layer.pull_bytes or 0 for layer in own.values()),
        )
        for image in images
        for own in [{layer.diff_id: layer for layer in image.layers if users[layer.diff_id] == 1}]
    ]
    return Sharing(
        shipped_bytes=sum(layer.shipped_bytes for layer in layers.values()),
        pull_bytes=sum(layer.pull_bytes or 0 for layer in layers.values()),
        unique=tuple(unique),
        twins=tuple(_find_twins(images, fingerprints)),
    )


def _find_twins(images: Sequence[Image], fingerprints: Mapping[str, Fingerprint]) -> Iterator[Twins]:
    """Yield pairs of layers that have the same files but different diff IDs, except layers without bytes."""
    places = dict[str, str]()
    sizes = dict[str, int]()
    for image in images:
        for layer in image.layers:
            if layer.shipped_bytes:
                places.setdefault(layer.diff_id, f"{image.variant}:{layer.index}")
                sizes[layer.diff_id] = layer.shipped_bytes
    groups = dict[int, list[str]]()
    for diff_id in places:
        groups.setdefault(fingerprints[diff_id].content, []).append(diff_id)
    for group in groups.values():
        for first, second in combinations(group, 2):
            why = _explain_twins(fingerprints[first], fingerprints[second])
            yield Twins(first=places[first], second=places[second], shipped_bytes=sizes[first], why=why)


def _explain_twins(first: Fingerprint, second: Fingerprint) -> str:
    differ = [
        words
        for words, same in (
            ("owners or modes", first.ownership == second.ownership),
            ("times", first.times == second.times),
        )
        if not same
    ]
    return f"{' and '.join(differ)} differ" if differ else "the archives are written differently"
