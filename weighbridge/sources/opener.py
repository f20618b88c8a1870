"""Opens images wherever they are: one row of a table for each source; no layer that is known is read again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from weighbridge.cache import Cache
from weighbridge.engine.protocol import Engine
from weighbridge.errors import NoEngine, SettingsError
from weighbridge.image.content import ImageContent
from weighbridge.sources import archive, daemon, oci_layout
from weighbridge.sources.assembly import Progress
from weighbridge.sources.locations import ARCHIVE, DOCKER, OCI, REGISTRY, Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a source may use."""

    cache: Cache
    """What is known of layers and images; no layer in it need be read. The caller keeps what is learned of layers."""
    engine: Engine | None = None
    """A connected engine, for the source that asks one."""
    on_progress: Progress | None = None


class Source(Protocol):
    """Where images come from. All behave alike: one test holds every row of the table to the same invariants."""

    def __call__(self, locations: Sequence[Location], means: Means, /) -> Mapping[Location, ImageContent]:
        """Return the images at all locations, which are this source's; what several of them share is read once.

        Raises:
            NoSuchImage: There is no image at one of them.
            UnreadableImage: An image is damaged, or is not what it says.
            EngineError: The engine fails, goes away, or is none.
        """


def _of_engine(locations: Sequence[Location], means: Means) -> Mapping[Location, ImageContent]:
    if means.engine is None:
        raise NoEngine("No engine was asked for its images")
    contents = daemon.read(means.engine, [each.place for each in locations], means.cache, means.on_progress)
    return {each: contents[each.place] for each in locations}


def _of_archives(locations: Sequence[Location], means: Means) -> Mapping[Location, ImageContent]:
    found = dict[Location, ImageContent]()
    for place in dict.fromkeys(each.place for each in locations):
        saved = archive.read(Path(place), means.on_progress)
        found |= {each: saved.image(each.name) for each in locations if each.place == place}
    return found


def _of_layouts(locations: Sequence[Location], means: Means) -> Mapping[Location, ImageContent]:
    known, told = means.cache.layer, means.on_progress
    return {each: oci_layout.read(Path(each.place), each.name, on_progress=told, known=known) for each in locations}


def _of_registries(locations: Sequence[Location], means: Means) -> Mapping[Location, ImageContent]:
    from weighbridge.sources.registry import client  # noqa: PLC0415 - an archive is measured without HTTP

    return {each: client.read(each.place, on_progress=means.on_progress, known=means.cache.layer) for each in locations}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One source, and how users name images of it."""

    form: str
    """What stands behind the source's name and a colon; where it has `[#NAME]`, a name may follow the place."""
    images: Source


SOURCES: Mapping[str, Row] = {
    DOCKER: Row(form="REFERENCE", images=_of_engine),
    ARCHIVE: Row(form="FILE[#NAME]", images=_of_archives),
    OCI: Row(form="FOLDER-OR-FILE[#NAME]", images=_of_layouts),
    REGISTRY: Row(form="HOST/NAME[:TAG]", images=_of_registries),
}


def names_source(text: str) -> bool:
    """Tell whether a text begins with the name of a source."""
    source, colon, _ = text.partition(":")
    return bool(colon) and source in SOURCES


def parse(text: str) -> Location:
    """Return the location that a text names.

    Raises:
        SettingsError: It names no source that there is, or nothing behind it.
    """
    source, _, place = text.partition(":")
    if source not in SOURCES or not place:
        *forms, last = (f"{name}:{row.form}" for name, row in SOURCES.items())
        raise SettingsError(f"{text or repr(text)} names no image", advice=f"Write {', '.join(forms)} or {last}.")
    if SOURCES[source].form.endswith("[#NAME]"):
        place, _, name = place.partition("#")
        return Location(source, place, name)
    return Location(source, place)


def read(locations: Iterable[Location], means: Means) -> dict[Location, ImageContent]:
    """Return the images at all locations, and keep what was learned of their layers.

    Raises:
        NoSuchImage, UnreadableImage, EngineError: See `Source`.
    """
    wanted = dict.fromkeys(locations)
    found = dict[Location, ImageContent]()
    for name, row in SOURCES.items():
        if own := [each for each in wanted if _source_of(each) == name]:
            found |= row.images(own, means)
    for content in found.values():
        for diff_id, layer in zip(content.diff_ids, content.layers, strict=True):
            if not means.cache.has(diff_id):
                means.cache.keep_layer(diff_id, layer)
    return found


def _source_of(location: Location) -> str:
    """Return the source that reads a location: a layout in one file is an archive."""
    return ARCHIVE if location.source == OCI and not Path(location.place).is_dir() else location.source
