"""Weighs images from any source: opens them, computes their figures, and combines these into a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache as once
from pathlib import Path

from weighbridge import git
from weighbridge.cache import Cache
from weighbridge.engine.protocol import Engine
from weighbridge.errors import EngineFault, NoSuchImage
from weighbridge.image import base_image, sharing, weighing
from weighbridge.image.base_image import base_of
from weighbridge.image.content import ImageContent
from weighbridge.image.layer import Fingerprint
from weighbridge.model.report import Report
from weighbridge.model.tree import Node
from weighbridge.sources import opener
from weighbridge.sources.assembly import Progress
from weighbridge.sources.locations import DOCKER, Location
from weighbridge.sources.opener import Means

Trees = Callable[[], Mapping[str, Node]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A report, and the trees of its images."""

    report: Report
    trees: Trees
    """Builds, on the first call, variant -> the tree of its image, layer by layer down to files."""


def weigh(
    locations: Mapping[str, Location],
    project: Path,
    *,
    cache: Cache | None = None,
    engine: Engine | None = None,
    on_progress: Progress | None = None,
) -> Weighed:
    """Weigh images now. Images of one engine or archive are read in one pass.

    Args:
        locations: Name in the report -> where the image is.
        project: A folder of the repository whose commit the report names.
        cache: The cache of layers; if None, the user's.
        engine: A connected engine; if None, the user's engine, if a location needs one.
        on_progress: Called with the number of bytes read so far.

    Raises:
        NoSuchImage, UnreadableImage, EngineError: As in `opener.read`.
    """
    with ExitStack() as stack:
        if engine is None and any(location.source == DOCKER for location in locations.values()):
            from weighbridge.engine.client import connect  # noqa: PLC0415 - an archive is measured without the SDK

            engine = stack.enter_context(connect())
        means = Means(cache=cache or Cache(), engine=engine, on_progress=on_progress)
        contents = opener.read(locations.values(), means)
        find = _finder(engine)
        found = [
            weighing.weigh(name, location.source, contents[location], base_of(contents[location], find))
            for name, location in locations.items()
        ]
        identity = engine.identity if engine else None
    now, commit = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), git.current(project)
    images = tuple(each.image for each in found)
    report = Report(
        recorded_at=now,
        commit=commit.commit,
        dirty=commit.dirty,
        engine=identity,
        images=images,
        sharing=sharing.shared(images, _fingerprints(contents.values())),
    )
    return Weighed(report=report, trees=once(lambda: {each.image.variant: each.tree() for each in found}))


def _fingerprints(contents: Iterable[ImageContent]) -> dict[str, Fingerprint]:
    return {
        diff_id: layer.fingerprint
        for content in contents
        for diff_id, layer in zip(content.diff_ids, content.layers, strict=True)
    }


def _finder(engine: Engine | None) -> base_image.Find:
    def find(reference: str) -> tuple[str, ...] | None:
        try:
            return engine.image(reference).diff_ids if engine else None
        except (NoSuchImage, EngineFault):  # a fault: the label's text is no name that the engine understands
            return None

    return find
