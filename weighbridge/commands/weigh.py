"""Weighs images from any source: opens them, computes their figures, and combines these into a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache as once
from pathlib import Path

from weighbridge import git
from weighbridge.cache import Cache
from weighbridge.engine.local_images import LocalImages
from weighbridge.engine.protocol import ImageStore
from weighbridge.errors import BUILD_FIRST, EngineFault, NoSuchImage
from weighbridge.image import sharing, weighing
from weighbridge.image.base_image import find_base
from weighbridge.image.content import ImageContent
from weighbridge.image.dependencies import Demand
from weighbridge.image.layer import Fingerprint
from weighbridge.model.limits import DEFAULT
from weighbridge.model.report import Report
from weighbridge.model.tree import Node
from weighbridge.settings.project import Settings
from weighbridge.sources import opener
from weighbridge.sources.assembly import Progress
from weighbridge.sources.local.reading import Note, note_nothing
from weighbridge.sources.locations import DOCKER, Location
from weighbridge.sources.opener import Means

_MOST_NAMES = 5
"""How many of the engine's images a message names."""
Trees = Callable[[], Mapping[str, Node]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A report, and the trees of its images."""

    report: Report
    trees: Trees
    """Builds, on the first call, variant -> the tree of its image, layer by layer down to files."""


@contextmanager
def connect_if_needed(locations: Iterable[Location]) -> Iterator[ImageStore | None]:
    """Connect to the user's engine where one of these images is there; else to none, as an archive needs none.

    Raises:
        NoEngine: It does not answer.
    """
    if not any(location.source == DOCKER for location in locations):
        yield None
        return
    from weighbridge.engine import lookup  # noqa: PLC0415 - an archive is measured without an engine

    with lookup.connect() as engine:
        yield engine


def weigh(
    locations: Mapping[str, Location],
    project: Path,
    *,
    cache: Cache | None = None,
    engine: ImageStore | None = None,
    on_progress: Progress | None = None,
    demands: Mapping[str, Demand] | None = None,
    settings: Settings | None = None,
    on_note: Note = note_nothing,
) -> Weighed:
    """Weigh images now. Images of one engine or archive are read in one pass.

    Args:
        locations: Name in the report -> where the image is.
        project: A folder of the repository whose commit the report names.
        cache: What is known of layers; the user's, if None.
        engine: A connected engine, which is asked for the bases of all images, wherever these are; if None, the user's,
            where a location needs one.
        on_progress: Is told the number of bytes read so far.
        demands: Name in the report -> what the project asks of that image.
        settings: Say which images `invoke build` makes, which hosts may get a login, the limits of an image, and
            whether the engine's folder may be read; if None, no image, no host, and the defaults.
        on_note: Is told in one line of each image of the engine that is read in its folder, or cannot be.

    Raises:
        LimitExceeded: An image exceeds a limit.
        NoSuchImage, UnreadableImage, EngineError: As in `opener.read`.
    """
    with ExitStack() as stack:
        engine = engine or stack.enter_context(connect_if_needed(locations.values()))
        allowed = settings.registries.token_hosts if settings else {}
        limits = settings.limits.build_limits() if settings else DEFAULT
        means = Means(
            cache=cache or Cache(),
            engine=engine,
            on_progress=on_progress,
            token_hosts=allowed,
            limits=limits,
            local_store=settings.engine.local_store if settings else True,
            on_note=on_note,
        )
        with _advise_on_missing(engine, locations.values(), settings.image_names if settings else frozenset()):
            contents = opener.read(locations.values(), means)
        local = LocalImages(engine)
        found = [
            weighing.weigh(name, location.source, contents[location], find_base(contents[location], local), demand)
            for name, location in locations.items()
            for demand in [(demands or {}).get(name, Demand())]
        ]
        identity = engine.identity if engine else None
    now, commit = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), git.read_revision(project)
    images = tuple(each.image for each in found)
    report = Report(
        recorded_at=now,
        commit=commit.commit,
        dirty=commit.dirty,
        engine=identity,
        images=images,
        sharing=sharing.measure_sharing(images, _collect_fingerprints(contents.values())),
    )
    return Weighed(report=report, trees=once(lambda: {each.image.variant: each.tree() for each in found}))


@contextmanager
def _advise_on_missing(
    engine: ImageStore | None, locations: Iterable[Location], ours: frozenset[str]
) -> Iterator[None]:
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


def _collect_fingerprints(contents: Iterable[ImageContent]) -> dict[str, Fingerprint]:
    return {
        diff_id: layer.fingerprint
        for content in contents
        for diff_id, layer in zip(content.diff_ids, content.layers, strict=True)
    }
