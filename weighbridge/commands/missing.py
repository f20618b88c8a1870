"""Says what to do about an image that the engine does not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from weighbridge.errors import BUILD_FIRST, EngineFault, NoSuchImage
from weighbridge.sources.locations import DOCKER, Location

if TYPE_CHECKING:
    from weighbridge.engine.protocol import ImageStore

_MOST_NAMES = 5
"""How many of the engine's images a message names."""


@contextmanager
def advise_on_missing(engine: ImageStore | None, locations: Iterable[Location], ours: frozenset[str]) -> Iterator[None]:
    """Replace the advice of an error about an image that the engine does not have, by whether we build it.

    Args:
        engine: The engine that was asked.
        locations: What is weighed.
        ours: The names of the images that `invoke build` makes.
    """
    try:
        yield
    except NoSuchImage as error:
        places = [location.place for location in locations if location.source == DOCKER]
        missing = next((place for place in places if engine and not engine.has_image(place)), None)
        if not engine or missing is None or error.advice != NoSuchImage.advice:
            raise
        advice = BUILD_FIRST if missing in ours else _advise_on_foreign(engine, missing)
        raise NoSuchImage(error.message, advice=advice) from error


def _advise_on_foreign(engine: ImageStore, missing: str) -> str:
    """Return what to do about an image that we do not build: the names that the engine has, and how to get it."""
    try:
        names = sorted(name for image in engine.list_named_images() for name in image.names)
    except EngineFault:
        names = []
    # Names that are alike come first, for whoever mistyped the tag.
    names.sort(key=lambda name: name.partition(":")[0] != missing.partition(":")[0])
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    has = f"It has {', '.join(names[:_MOST_NAMES])}{more}" if names else "It has no images"
    if missing.startswith("sha256:"):  # an id of the engine's own, under which no registry has anything
        return f"{has}."
    return f"{has}; to fetch this one from its registry, run `docker pull {missing}`."
