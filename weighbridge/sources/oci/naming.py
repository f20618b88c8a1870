"""Finds the images that a name means in an OCI index, by their annotations (OCI image-spec, annotations.md)."""

from __future__ import annotations

from weighbridge.errors import NoSuchImage, UnreadableImage
from weighbridge.quoting import join_names, quote
from weighbridge.sources.oci.artifacts import describe_others
from weighbridge.sources.oci.descriptors import Descriptor
from weighbridge.sources.oci.manifests import Index

_NAMES = "org.opencontainers.image.ref.name", "io.containerd.image.name"
"""The specification's annotation, and containerd's, whose value includes the registry."""


def select_images(index: Index, name: str, place: object) -> Index:
    """Return an index with only the images of that name, of which there is one for each platform.

    Args:
        index: All images of a layout.
        name: The image's name in the index; may be empty if there is only one image.
        place: What an error calls the layout.

    Raises:
        NoSuchImage: No image has that name, or there are several and `name` is empty; the message lists the names.
        UnreadableImage: The index has no image, only what belongs to images, such as signatures.
    """
    images = [each for each in index.manifests if each.may_be_image]
    if name:
        images = [each for each in images if name in map(each.get_annotation, _NAMES)]
    others = describe_others(each for each in index.manifests if not each.may_be_image)
    if not name and not images and others:
        raise UnreadableImage(f"{place} holds no image, but {others}", advice="Weigh the image that it belongs to.")
    names = dict.fromkeys(map(_read_name, images or index.manifests))
    if not images and name:
        raise NoSuchImage(
            f"{place} has no image {quote(name)}; it has {join_names(names)}", advice="Ask for one of these."
        )
    if len(names) > 1 and len({each.digest for each in images}) > 1:
        raise NoSuchImage(f"{place} has several images: {join_names(names)}", advice="Ask for one of them by its name.")
    return Index(manifests=tuple(images))


def _read_name(image: Descriptor) -> str:
    return next(filter(None, map(image.get_annotation, _NAMES)), "one without a name")
