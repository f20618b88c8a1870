"""Weighs images from any source: opens them, computes their figures, and combines these into a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache as once
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge import git
from weighbridge.cache import Cache
from weighbridge.commands.known import Figures, Kept, Known
from weighbridge.commands.missing import advise_on_missing
from weighbridge.engine.answers import Answers
from weighbridge.engine.local_images import LocalImages
from weighbridge.image import sharing
from weighbridge.image.base_image import find_base
from weighbridge.model.limits import DEFAULT, Limits
from weighbridge.model.report import Base, Image, Report
from weighbridge.model.tree import Node
from weighbridge.sources.local.reading import Note, note_nothing
from weighbridge.sources.locations import DOCKER, Location
from weighbridge.sources.processes.threads import Threads

if TYPE_CHECKING:  # known images are neither read nor weighed
    from weighbridge.engine.protocol import ImageStore
    from weighbridge.image import weighing
    from weighbridge.image.content import ImageContent, Outline
    from weighbridge.image.layer import Fingerprint
    from weighbridge.image.requirements import Demand
    from weighbridge.settings.project import Settings
    from weighbridge.sources.blobs import Progress

_MOST_QUESTIONS = 4
"""How many threads wait for Git and the engine."""
FindDemands = Callable[[], "Mapping[str, Demand]"]
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
        NoEngine: Nothing listens. That what listens does not answer shows when something is asked.
    """
    references = [location.place for location in locations if location.source == DOCKER]
    if not references:
        yield None
        return
    from weighbridge.engine import lookup  # noqa: PLC0415 - an archive is measured without an engine

    with lookup.connect(references) as engine:
        yield engine


def weigh(
    locations: Mapping[str, Location],
    project: Path,
    *,
    cache: Cache | None = None,
    engine: ImageStore | None = None,
    on_progress: Progress | None = None,
    find_demands: FindDemands = dict,
    settings: Settings | None = None,
    on_note: Note = note_nothing,
    while_asking: Sequence[Callable[[], object]] = (),
) -> Weighed:
    """Weigh images now. Images of one engine or archive are read together.

    Args:
        locations: Name in the report -> where the image is.
        project: A folder of the repository whose commit the report names.
        cache: What is known of layers; the user's, if None.
        engine: A connected engine, which is asked for the bases of all images, wherever these are; if None, the user's,
            where a location needs one.
        on_progress: Is told the number of bytes read so far.
        find_demands: Returns what the project asks of each image, by its name in the report. Is called once, when that
            is needed or there is time for it.
        settings: Say which images `invoke build` makes, which hosts may get a login, the limits of an image, and
            whether the engine's folder may be read; if None, no image, no host, and the defaults.
        on_note: Is told in one line of each image of the engine that is read in its folder, or cannot be.
        while_asking: Are called while an engine that was asked for its images has not answered yet, or else while
            images are read; they may be called again.

    Raises:
        LimitExceeded: An image exceeds a limit.
        NoSuchImage, UnreadableImage, EngineError: As in `opener.read`.
    """
    with ExitStack() as stack:
        # Git and the engine answer at the same time.
        threads = Threads(_MOST_QUESTIONS)  # which Ctrl-C does not wait for, as an engine may not answer
        stack.callback(threads.close)
        revision = threads.submit(git.read_revision, project)
        engine = engine or stack.enter_context(connect_if_needed(locations.values()))
        demands = once(find_demands)
        if engine:
            places = (each.place for each in locations.values() if each.source == DOCKER)
            engine = answers = Answers(engine, places, threads.submit)
            answers.do_meanwhile(*while_asking, demands)
        limits = settings.limits.build_limits() if settings else DEFAULT
        weigher = _Weigher(cache or Cache(), limits, engine, demands, while_asking)
        with advise_on_missing(engine, locations.values(), settings.image_names if settings else frozenset()):
            known = {name: weigher.recall(name, location) for name, location in locations.items()}
            unknown = {name: location for name, location in locations.items() if known[name] is None}
            if unknown:
                known |= _compute(unknown, weigher, settings, on_progress, on_note)
        found = [each for name in locations if (each := known[name])]
        identity, commit = engine.identity if engine else None, revision.result()
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    images = tuple(each.image for each in found)
    report = Report(
        recorded_at=now,
        commit=commit.commit,
        dirty=commit.dirty,
        engine=identity,
        images=images,
        sharing=sharing.measure_sharing(images, _collect_fingerprints(each.outline for each in found)),
    )
    return Weighed(report=report, trees=once(lambda: _build_trees(found)))


def _compute(
    locations: Mapping[str, Location],
    weigher: _Weigher,
    settings: Settings | None,
    on_progress: Progress | None,
    on_note: Note,
) -> Mapping[str, _Found]:
    """Read images with all their layers, and work out the figures of each while the next is read; see `weigh`."""
    from weighbridge.sources import opener  # noqa: PLC0415 - known images are not read
    from weighbridge.sources.processes import pool  # noqa: PLC0415 - as above

    means = opener.Means(
        cache=weigher.cache,
        engine=weigher.engine,
        on_progress=on_progress,
        token_hosts=settings.registries.token_hosts if settings else {},
        limits=weigher.limits,
        local_store=settings.engine.local_store if settings else True,
        processes=pool.count_processes(),
        on_note=on_note,
        while_waiting=weigher.prepare,
    )
    found = dict[str, _Found]()
    with closing(opener.read(locations.values(), means)) as contents:
        for location, content in contents:
            names = [name for name, each in locations.items() if each == location]
            found |= {name: weigher.compute(name, location, content) for name in names}
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    """An image that was worked out, now or before."""

    image: Image
    outline: Outline
    tree: Callable[[], Node | None]
    """Returns its tree; None if a file that it is built from has just been lost."""


class _Weigher:
    """Works out the figures of images that are not known."""

    def __init__(
        self,
        cache: Cache,
        limits: Limits,
        engine: ImageStore | None,
        find_demands: FindDemands,
        while_asking: Sequence[Callable[[], object]],
    ) -> None:
        self.cache, self.limits, self.engine = cache, limits, engine
        self._known, self._local, self._find_demands = Known(cache, limits), LocalImages(engine), find_demands
        self._while_asking = while_asking

    def prepare(self) -> None:
        """Do beforehand what an image that has to be weighed needs: load the code, and find what is asked of it."""
        from weighbridge.image import weighing  # noqa: F401, PLC0415 - known images are not weighed again
        from weighbridge.image.packages import markers  # noqa: PLC0415 - as above

        markers.load()  # most images that are built here have Python packages
        self._known.prepare()
        self._find_demands()
        for step in self._while_asking:
            step()

    def recall(self, name: str, location: Location) -> _Found | None:
        """Return an image of the engine without reading its layers; None if its figures are not known.

        Raises:
            NoSuchImage: The engine does not have it.
        """
        if self.engine is None or location.source != DOCKER:
            return None
        image = self.engine.inspect_image(location.place)
        if (kept := self._known.recall(image)) is None:
            return None
        base, figures = self._locate(name, kept)
        known = figures.read(name, location.source)
        if known is None or not figures.can_build_tree():
            return None

        def build() -> Node | None:
            from weighbridge.sources import daemon  # noqa: PLC0415 - most formats show no tree

            content = daemon.recall(location.place, image, self.cache, self.limits)
            return self._weigh(name, location, content, base).tree() if content else None

        return _Found(known, kept.outline, partial(_take_tree, figures, build))

    def compute(self, name: str, location: Location, content: ImageContent) -> _Found:
        """Return an image that was read; its figures are worked out if they are not known."""
        kept = self._known.keep(content)
        base, figures = self._locate(name, kept)
        if known := figures.read(name, location.source):
            later = partial(self._weigh, name, location, content, base)
            return _Found(known, kept.outline, partial(_take_tree, figures, lambda: later().tree()))
        weighed = self._weigh(name, location, content, base)
        figures.keep(weighed.image)
        return _Found(weighed.image, kept.outline, partial(_take_tree, figures, weighed.tree))

    def _locate(self, name: str, kept: Kept) -> tuple[Base | None, Figures]:
        base = find_base(kept.outline, self._local)
        return base, self._known.find(kept, base, self._find_demands().get(name))

    def _weigh(self, name: str, location: Location, content: ImageContent, base: Base | None) -> weighing.Weighed:
        from weighbridge.image import weighing  # noqa: PLC0415 - known images are not weighed again

        demands = self._find_demands()
        demand = {"demand": demands[name]} if name in demands else {}
        return weighing.weigh(name, location.source, content, base, **demand)


def _take_tree(figures: Figures, build: Callable[[], Node | None]) -> Node | None:
    """Return an image's tree: the known one, or else one that is built, and known from then on."""
    tree = figures.read_tree()
    if tree is None and (tree := build()) is not None:
        figures.keep_tree(tree)
    return tree


def _build_trees(found: Iterable[_Found]) -> Mapping[str, Node]:
    trees = {each.image.variant: each.tree() for each in found}
    return {name: tree for name, tree in trees.items() if tree}


def _collect_fingerprints(outlines: Iterable[Outline]) -> dict[str, Fingerprint]:
    return {
        diff_id: fingerprint
        for outline in outlines
        for diff_id, fingerprint in zip(outline.diff_ids, outline.fingerprints, strict=True)
    }
