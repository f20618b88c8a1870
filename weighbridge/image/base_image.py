"""Finds an image's base, the image of its last FROM, by the image's own labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from weighbridge.image.content import ImageContent
from weighbridge.model.report import Base

NAME_LABEL = "org.opencontainers.image.base.name"
"""Names the image of the last FROM (OCI image-spec, annotations.md)."""
DIGEST_LABEL = "org.opencontainers.image.base.digest"
"""The digest of that image in its registry; absent if the image was in no registry."""
NOTHING_LABEL, NOTHING = "weighbridge.base", "scratch"
"""Marks an image built FROM scratch. The name label cannot say that, because `scratch` is not an image."""
TOP_LABEL = "weighbridge.base.top"
"""How many layers the base has, and the diff ID of the last one: enough to know the base without having its image."""

Find = Callable[[str], "tuple[str, ...] | None"]
"""Returns the diff IDs of the image with that name; None if there is no such image."""


def told(told_labels: Mapping[str, str], diff_ids: Sequence[str], find: Find) -> tuple[str, int] | None:
    """Return the base's name and how many layers came with it; None where the image does not stand on what it says.

    Args:
        told_labels: The image's labels.
        diff_ids: The image's layers.
        find: Asked for the base image where the labels do not tell its layers.
    """
    reference = told_labels.get(NAME_LABEL, "").strip()
    if told_labels.get(NOTHING_LABEL) == NOTHING:
        return NOTHING, 0
    if not reference:
        return None
    count, _, top = told_labels.get(TOP_LABEL, "").partition(" ")
    if top and count in {str(number) for number, each in enumerate(diff_ids, 1) if each == top}:
        return reference, int(count)
    expected = find(reference)
    if expected and tuple(diff_ids[: len(expected)]) == tuple(expected):
        return reference, len(expected)
    return None


def base_of(content: ImageContent, find: Find) -> Base | None:
    """Return the base that the image names in its labels, if it really stands on it."""
    named = told(content.labels, content.diff_ids, find)
    if named is None:
        return None
    reference, count = named
    shipped_bytes = sum(layer.shipped_bytes for layer in content.layers[:count])
    return Base(reference=reference, layers=count, shipped_bytes=shipped_bytes)
