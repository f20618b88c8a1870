"""Removes the images that our builds recorded, by exactly these names and ids, and finds others that look like ours."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass

from weighbridge.build import built_images
from weighbridge.build.built_images import BuiltImage
from weighbridge.engine.protocol import LABEL, Engine
from weighbridge.errors import EngineFault, NoSuchImage

_LABEL = f"{LABEL}=image"
_REBUILD = re.compile(r"-rebuild-[0-9a-f]{8}\Z")
"""What `invoke report --rebuild` appends to a variant's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What became of the recorded images."""

    count: int
    """How many names and nameless images were removed."""
    kept: tuple[str, ...]
    """Names and ids that the engine refused to remove, because a container or another image needs them."""


def remove_built(engine: Engine, repositories: Collection[str]) -> Removed:
    """Remove the images of these repositories that are recorded for the engine.

    A name is removed only if it still leads to the recorded id, and an id only if the image has no name: so an image
    that the user tagged stays under the user's name, and one that has taken over a name of ours stays.
    """
    recorded = [each for each in built_images.read(engine.key) if each.repository in repositories]
    # In one request, because the record may be long. Podman puts a host before names without one.
    present = {name.removeprefix("localhost/") for name in engine.list_labelled_images(_LABEL)}
    wanted = [each for each in recorded if each.reference in present and _has_recorded_id(engine, each)]
    removed = sum(engine.remove_image(each.reference) for each in wanted)
    kept = [each.reference for each in wanted if _has_recorded_id(engine, each)]
    nameless = frozenset(engine.list_labelled_images(_LABEL))  # an id is in it only if there is no name
    ids = [each for each in dict.fromkeys(each.id for each in recorded) if each in nameless]
    removed += sum(map(engine.remove_image, ids))
    return Removed(count=removed, kept=(*kept, *(each for each in ids if engine.has_image(each))))


def list_unrecorded(engine: Engine, names: Collection[str], bases: Collection[str] = ()) -> tuple[str, ...]:
    """Return the images that look like ours, by label and name, but that no build here has recorded.

    An image that stands on another one of ours is left out: somebody derived it, and its label is inherited.

    Args:
        engine: The engine to ask.
        names: The names that our builds give; those of rebuilds follow from them.
        bases: The names of images of ours that the others stand on.
    """
    recorded, labelled = frozenset(built_images.read(engine.key)), engine.list_labelled_images(_LABEL)
    found = [name for name in labelled if _REBUILD.sub("", name) in names]
    found = [name for name in found if BuiltImage(name, _find_id(engine, name)) not in recorded]
    if not found:
        return ()
    others = {*labelled, *(image.id for image in recorded if image.reference not in bases)} - {*bases}
    layers = [_find_layers(engine, each) for each in others]
    return tuple(name for name in found if not _is_derived(_find_layers(engine, name), layers))


def _is_derived(layers: tuple[str, ...], others: Iterable[tuple[str, ...]]) -> bool:
    return any(each and len(each) < len(layers) and layers[: len(each)] == each for each in others)


def _has_recorded_id(engine: Engine, image: BuiltImage) -> bool:
    return _find_id(engine, image.reference) == image.id


def _find_id(engine: Engine, reference: str) -> str:
    """Return the id of the image that has a name now; empty if there is none."""
    with suppress(NoSuchImage, EngineFault):
        return engine.inspect_image(reference).id
    return ""


def _find_layers(engine: Engine, reference: str) -> tuple[str, ...]:
    with suppress(NoSuchImage, EngineFault):
        return engine.inspect_image(reference).diff_ids
    return ()
