"""Opens images from every source, each source being one row of a table; never reads a cached layer again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, assert_never

from weighbridge import files
from weighbridge.cache import Cache
from weighbridge.errors import NoEngine, SettingsError
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.sources.local import access
from weighbridge.sources.local.reading import Note, note_nothing, wait_idly
from weighbridge.sources.locations import ARCHIVE, DOCKER, OCI, REGISTRY, Location, SourceName

if TYPE_CHECKING:  # whoever only names images loads no reader
    from weighbridge.engine.protocol import ImageStore
    from weighbridge.image.content import ImageContent
    from weighbridge.sources.blobs import Progress
    from weighbridge.sources.processes.pool import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a source may use."""

    cache: Cache
    """Has layers and images that were read before. A source does not read them again, and need not add any."""
    engine: ImageStore | None = None
    """A connected engine, for the source `docker`."""
    on_progress: Progress | None = None
    token_hosts: Mapping[str, Collection[str]] = field(default_factory=dict)
    """A registry's host -> hosts that may get the user's login for it, too."""
    limits: Limits = DEFAULT
    """Of each image. Where images are read together they have so many times the limits together."""
    local_store: bool = False
    """Whether the source `docker` may read in the engine's own folder what is there for this user to read."""
    processes: int = 1
    """How many processes may read layers at the same time."""
    on_note: Note = note_nothing
    """Is told in one line of each image that is read there, or why it is not."""
    while_waiting: Callable[[], object] = wait_idly
    """Is called when an engine, or other processes, have begun to work, and this one would only wait for them."""


_READERS = {
    "overlay2": "weighbridge.sources.local.unpacked",
    "containerd": "weighbridge.sources.blob_folder",
}
"""An engine's store -> what reads layers in its folder."""


class Source(Protocol):
    """Reads images of one kind of location. All sources behave alike: one test checks every row of the table."""

    def __call__(self, locations: Sequence[Location], means: Means, /) -> Iterator[tuple[Location, ImageContent]]:
        """Yield the images at all locations, each of which belongs to this source.

        Layers that images share are read once if the caller adds those of each to the cache before it asks for the
        next.

        Raises:
            NoSuchImage: One of the locations has no image.
            LimitExceeded: An image exceeds a limit.
            UnreadableImage: An image is damaged, or its parts contradict each other.
            EngineError: There is no engine, or it fails or goes away.
        """


def _read_from_engine(locations: Sequence[Location], means: Means) -> Iterator[tuple[Location, ImageContent]]:
    if means.engine is None:
        raise NoEngine("No engine is connected, and the images are in one")
    by_place = {each.place: each for each in locations}
    with _open_pool(means) as pool:
        if means.local_store and _needs_folder(means.engine, by_place, means.cache):
            pool.start(_READERS.get(means.engine.data_root.store, ""))  # while this process loads readers, too
        from weighbridge.sources import daemon  # noqa: PLC0415 - each source loads what it needs itself

        for place, content in daemon.read(
            means.engine,
            by_place,
            means.cache,
            means.on_progress,
            limits=means.limits,
            local_store=means.local_store,
            pool=pool,
            on_note=means.on_note,
            while_waiting=means.while_waiting,
        ):
            yield by_place[place], content


def _needs_folder(engine: ImageStore, references: Iterable[str], cache: Cache) -> bool:
    """Tell whether layers will probably be read in the engine's own folder.

    Raises:
        NoSuchImage: The engine lacks one of the images.
    """
    images = [engine.inspect_image(each) for each in references]
    if access.find_obstacle(engine.data_root):
        return False
    return not all(cache.has_layer(diff_id) for image in images for diff_id in image.diff_ids)


def _read_from_archives(locations: Sequence[Location], means: Means) -> Iterator[tuple[Location, ImageContent]]:
    from weighbridge.sources import archive  # noqa: PLC0415 - as above

    for place in dict.fromkeys(each.place for each in locations):
        wanted = [each for each in locations if each.place == place]
        with _open_pool(means) as pool:
            saved = archive.read(Path(place), means.on_progress, limits=means.limits, images=len(wanted), pool=pool)
        yield from ((each, saved.assemble_image(each.name)) for each in wanted)


def _read_from_layouts(locations: Sequence[Location], means: Means) -> Iterator[tuple[Location, ImageContent]]:
    from weighbridge.sources import oci_layout  # noqa: PLC0415 - as above
    from weighbridge.sources.assembly import begin  # noqa: PLC0415 - as above
    from weighbridge.sources.blobs import Tally  # noqa: PLC0415 - as above

    tally = Tally(means.on_progress)
    images = {
        each: oci_layout.open_image(
            Path(each.place),
            each.name,
            known=means.cache.read_layer,
            tally=tally,
            limits=means.limits,
            beside=len(locations) - 1,
        )
        for each in locations
    }
    with _open_pool(means) as pool:
        order = begin(images, pool)
        if any(each.sizes for each in images.values()):
            means.while_waiting()
        for each in order:
            yield each, images.pop(each).finish()


def _read_from_registries(locations: Sequence[Location], means: Means) -> Iterator[tuple[Location, ImageContent]]:
    from weighbridge.sources import remembered  # noqa: PLC0415 - as above
    from weighbridge.sources.blobs import Tally  # noqa: PLC0415 - as above
    from weighbridge.sources.registry import client  # noqa: PLC0415 - an archive is measured without HTTP

    tally = Tally(means.on_progress)
    with _open_pool(means) as pool:
        for each in locations:
            content = client.read(
                each.place,
                known=means.cache.read_layer,
                tally=tally,
                allowed=means.token_hosts,
                limits=means.limits,
                pool=pool,
                recall=partial(remembered.recall_documents, means.cache),
            )
            yield each, content


def _open_pool(means: Means) -> Pool:
    from weighbridge.sources.processes.pool import Pool  # noqa: PLC0415 - as above

    return Pool(means.processes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One source, and how users name its images."""

    form: str
    """What a user writes after the source's name and a colon. With `[#NAME]`, a name may follow the place."""
    images: Source


SOURCES: Mapping[SourceName, Row] = {
    DOCKER: Row(form="REFERENCE", images=_read_from_engine),
    ARCHIVE: Row(form="FILE[#NAME]", images=_read_from_archives),
    OCI: Row(form="FOLDER-OR-FILE[#NAME]", images=_read_from_layouts),
    REGISTRY: Row(form="HOST/NAME[:TAG]", images=_read_from_registries),
}


def has_source(text: str) -> bool:
    """Tell whether a text begins with the name of a source."""
    source, colon, _ = text.partition(":")
    return bool(colon) and source in SOURCES


def parse(text: str) -> Location:
    """Return the location that a text names.

    Raises:
        SettingsError: The text does not begin with the name of a source, or has nothing after it.
    """
    word, _, place = text.partition(":")
    source = next((name for name in SOURCES if name == word), None)
    if source is None or not place:
        *forms, last = (f"{name}:{row.form}" for name, row in SOURCES.items())
        raise SettingsError(f"{text or repr(text)} names no image", advice=f"Write {', '.join(forms)} or {last}.")
    if SOURCES[source].form.endswith("[#NAME]"):
        place, _, name = place.partition("#")
        return Location(source, place, name)
    return Location(source, place)


def read(locations: Iterable[Location], means: Means) -> Generator[tuple[Location, ImageContent], None, None]:
    """Yield the images at all locations, each as soon as it is read, and add its layers to the cache.

    What was begun ends with the iterator: close it.

    Raises:
        NoSuchImage, UnreadableImage, EngineError: See `Source`.
    """
    wanted = dict.fromkeys(locations)
    for name, row in SOURCES.items():
        if own := [each for each in wanted if _find_source(each) == name]:
            for location, content in row.images(own, means):
                means.cache.keep_layers(content.diff_ids, content.layers)
                yield location, content


def _find_source(location: Location) -> SourceName:
    """Return the source that reads a location: an OCI layout in a single file is read as an archive."""
    match location.source:
        case "oci":
            return OCI if files.is_folder(Path(location.place)) else ARCHIVE
        case "docker" | "archive" | "registry":
            return location.source
        case _:
            assert_never(location.source)
