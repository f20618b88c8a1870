"""Whether the figures of two images can be compared."""

from __future__ import annotations

from weighbridge.model.report import Image


def refusal(before: Image, after: Image) -> str:
    """Return why two images cannot be compared; empty: they can."""
    if any(image.shipped_bytes and not image.ledger for image in (before, after)):
        which = "it" if before.shipped_bytes and not before.ledger else "this"
        return f"{which} was recorded without a ledger; measure it anew"
    if before.platform != after.platform:
        return f"it is for {before.platform} and this for {after.platform}; measure both for one platform"
    stands = [image.base.reference if image.base else None for image in (before, after)]
    if repository(stands[0]) != repository(stands[1]):
        first, second = (name or "an unknown base" for name in stands)
        return f"it stands on {first} and this on {second}; measure both on one base"
    return ""


def pull_basis(image: Image | None) -> str | None:
    """Return how the bytes of a pull are known; None where they are not, or there is no image."""
    return image.pull.basis if image and image.pull else None


def repository(reference: str | None) -> str | None:
    """Return what an image is called in all its versions: a new tag of a base is drift, another base is another image.

    A stand-in of ours has a name of its own, so it is never taken for the official image.
    """
    if reference is None:
        return None
    folder, slash, last = reference.partition("@")[0].rpartition("/")
    name = folder + slash + last.partition(":")[0]
    return name.removeprefix("docker.io/").removeprefix("library/")
