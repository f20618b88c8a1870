"""What an image stands on: by what its build read, by its labels, or by the layers that another image has, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from weighbridge.image.content import Outline
from weighbridge.model.engine import LocalImage
from weighbridge.model.reference import strip_tag
from weighbridge.model.report import Base, KnownBy

NAME_LABEL = "org.opencontainers.image.base.name"
"""Names the image of the last FROM (OCI image-spec, annotations.md)."""
DIGEST_LABEL = "org.opencontainers.image.base.digest"
"""The digest of that image in its registry; absent if the image was in no registry."""
NOTHING_LABEL, NOTHING = "weighbridge.base", "scratch"
"""Says of an image that it stands on nothing, which the label for names cannot: `scratch` is no image."""
FROM_LABEL = "weighbridge.base.from"
"""What the build read in the Dockerfile's FROM: an image's name, or `scratch`. Where the label for names says something
else, this one was inherited from an image below, and so was `TOP_LABEL`."""
TOP_LABEL = "weighbridge.base.top"
"""How many layers the base has, and the diff ID of the last: so it is known where the base image is not."""
STANDS_FOR_LABEL = "weighbridge.base.stands-for"
"""The image that the Dockerfile's FROM names, where the build put a stand-in in its place; the others tell of that."""

Find = Callable[[str], "tuple[str, ...] | None"]
"""Returns the diff IDs of the image with that name; None if there is no such image."""


class LocalImages(Protocol):
    """The images of an engine, as far as one of them may be a base; none where no engine is at hand."""

    def find(self, reference: str) -> LocalImage | None:
        """Return the image of a name; None where there is none."""

    def list_named(self) -> Sequence[LocalImage]:
        """Return all images that have a name."""


def find_base(image: Outline, images: LocalImages) -> Base | None:
    """Return what an image stands on and how that is known; None where it is not."""

    def find(reference: str) -> tuple[str, ...] | None:
        found = images.find(reference)
        return found.diff_ids if found else None

    known = read_base_label(image.labels, image.diff_ids, find) or _find_by_layers(image, images)
    if known is None:
        return None
    reference, count, known_by = known
    shipped_bytes = sum(image.shipped_bytes[:count])
    official = image.labels.get(STANDS_FOR_LABEL) if known_by == "dockerfile" else None
    return Base(
        reference=reference, layers=count, shipped_bytes=shipped_bytes, known_by=known_by, stands_for=official or None
    )


def read_base_label(labels: Mapping[str, str], diff_ids: Sequence[str], find: Find) -> tuple[str, int, KnownBy] | None:
    """Return the base that the labels tell; None where they tell none, or the image does not stand on it.

    Args:
        labels: Of the image.
        diff_ids: Of the image.
        find: Asked for the base image where the labels do not tell its layers.

    Returns:
        The base's name, how many layers came with it, and who told.
    """
    name, written = (labels.get(label, "").strip() for label in (NAME_LABEL, FROM_LABEL))
    if written == NOTHING and not name:
        return NOTHING, 0, "dockerfile"
    is_read = bool(written) and written == name
    if labels.get(NOTHING_LABEL) == NOTHING and not is_read:
        return NOTHING, 0, "label"
    if not name:
        return None
    count = _count_layers(labels[TOP_LABEL], diff_ids) if TOP_LABEL in labels and (is_read or not written) else 0
    if not count:
        expected = find(name) or ()
        count = len(expected) if tuple(diff_ids[: len(expected)]) == tuple(expected) else 0
    return (name, count, "dockerfile" if is_read else "label") if count else None


def _count_layers(top: str, diff_ids: Sequence[str]) -> int:
    """Return how many layers the base has by `TOP_LABEL`; 0 where the image has other layers."""
    count, _, last = top.partition(" ")
    return next((number for number, each in enumerate(diff_ids, 1) if each == last and str(number) == count), 0)


def _find_by_layers(image: Outline, images: LocalImages) -> tuple[str, int, KnownBy] | None:
    named, itself = images.list_named(), images.find(image.reference)
    own = {image.reference, *(itself.names if itself else ())}
    own.update(name for each in named if each.id == image.config_digest for name in each.names)
    found = find_deepest(image.diff_ids, own, named)
    return (*found, "layers") if found else None


def find_deepest(
    diff_ids: Sequence[str], own_names: Iterable[str], images: Iterable[LocalImage]
) -> tuple[str, int] | None:
    """Return the image with the most layers, all of which begin an image that has more; None where there is none.

    Args:
        diff_ids: Those of the image that stands on it.
        own_names: What that image is called. An image of one of these repositories is another build of the same thing,
            and no base, whatever other names it has.
        images: All that there are.

    Returns:
        The name and the number of layers. Of several names, an official one comes first, then the shortest.
    """
    own = {strip_tag(name) for name in own_names}
    fitting = [
        each
        for each in images
        if each.names
        and 0 < len(each.diff_ids) < len(diff_ids)
        and tuple(diff_ids[: len(each.diff_ids)]) == each.diff_ids
        and own.isdisjoint(map(strip_tag, each.names))
    ]
    depth = max((len(each.diff_ids) for each in fitting), default=0)
    names = [name for each in fitting if len(each.diff_ids) == depth for name in each.names]
    return (min(names, key=lambda name: ("/" in strip_tag(name), len(name), name)), depth) if names else None
