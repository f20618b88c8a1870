"""Decides in which order a pool reads the layers of several images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

_SMALL_PARTS = 16
"""A layer with less than such a part of all bytes can come last: no process then waits long for another."""


class Job(NamedTuple):
    """A layer to read."""

    diff_id: str
    size: int
    """In bytes."""
    place: int
    """Of the first image that has it."""


def arrange(images: Sequence[Mapping[str, int]]) -> Sequence[Job]:
    """Return the layers of images in the order in which to begin them, for the shortest time in all; each layer once.

    First come those that one process would read for long while the others have nothing left, the largest first. The
    rest come image by image, so that one image is complete, and can be used, while the next is read.

    Args:
        images: For each image, its layers by diff ID, and how many bytes each has.
    """
    jobs = dict[str, Job]()
    for place, sizes in enumerate(images):
        for diff_id, size in sizes.items():
            jobs.setdefault(diff_id, Job(diff_id, size, place))
    long = sum(each.size for each in jobs.values()) / _SMALL_PARTS
    return sorted(jobs.values(), key=lambda each: (-1 if each.size > long else each.place, -each.size))
