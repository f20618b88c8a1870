"""Images read from wherever they are, each engine and each archive once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge.cache import Cache
from weighbridge.errors import NoEngine, UnreadableImage
from weighbridge.sources import archive_members, oci_layout
from weighbridge.sources.archive import Archive
from weighbridge.sources.content import ImageContent
from weighbridge.sources.locations import ARCHIVE, DOCKER, OCI, Location

if TYPE_CHECKING:
    from weighbridge.engine.protocol import Engine

Progress = Callable[[int], None]


def read(
    locations: Mapping[str, Location], engine: Engine | None, cache: Cache, on_progress: Progress | None = None
) -> dict[Location, ImageContent]:
    """Return the images at all locations; each engine and each archive is read once, and no layer that is known."""
    wanted = dict.fromkeys(locations.values())
    references = [each.place for each in wanted if each.source == DOCKER]
    found = _from_engine(engine, references, cache, on_progress) if references else {}
    archives = dict.fromkeys(each.place for each in wanted if _is_archive(each))
    for place in archives:
        saved = _opened(Path(place), on_progress)
        found |= {each: saved.image(each.name) for each in wanted if each.place == place and _is_archive(each)}
    for each in wanted:
        if each not in found:
            found[each] = _from_parts(each, cache, on_progress)
    for content in found.values():
        for diff_id, layer in zip(content.diff_ids, content.layers, strict=True):
            if not cache.has(diff_id):
                cache.keep_layer(diff_id, layer)
    return found


def _is_archive(location: Location) -> bool:
    return location.source == ARCHIVE or (location.source == OCI and not Path(location.place).is_dir())


def _from_engine(
    engine: Engine | None, references: Sequence[str], cache: Cache, on_progress: Progress | None
) -> dict[Location, ImageContent]:
    from weighbridge.sources import daemon  # noqa: PLC0415 - as above

    if engine is None:
        raise NoEngine("No engine was asked for its images")
    contents = daemon.read(engine, references, cache, on_progress)
    return {Location(DOCKER, reference): content for reference, content in contents.items()}


def _from_parts(location: Location, cache: Cache, on_progress: Progress | None) -> ImageContent:
    """Return an image whose layers lie apart, so that those which are known need not be read."""
    if location.source == OCI:
        return oci_layout.read(Path(location.place), location.name, on_progress=on_progress, known=cache.layer)
    from weighbridge.sources.registry import client  # noqa: PLC0415 - as above

    return client.read(location.place, on_progress=on_progress, known=cache.layer)


def _opened(path: Path, on_progress: Progress | None) -> Archive:
    try:
        with path.open("rb") as file:
            return Archive(archive_members.read(file, on_progress))
    except OSError as error:
        advice = "Give the path of a file that `docker save` or `skopeo copy` wrote."
        raise UnreadableImage(f"{path} cannot be read: {error.strerror}", advice=advice) from error
