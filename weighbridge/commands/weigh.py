"""The one place that joins images' sources, filesystems, packages, ledgers and bases into a report."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache as once
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from weighbridge import git
from weighbridge.cache import Cache
from weighbridge.errors import EngineFault, NoSuchImage, SettingsError
from weighbridge.image import base_image, filesystem, ledger, owners, sharing, tree, waste
from weighbridge.image.layer import Fingerprint
from weighbridge.model.report import Base, Image, Layer, Pull, Report
from weighbridge.model.tree import Node
from weighbridge.settings import Settings
from weighbridge.sources.content import Blob, ImageContent
from weighbridge.sources.history import instructions
from weighbridge.sources.locations import DOCKER, Location, parse
from weighbridge.sources.opener import Progress, read

if TYPE_CHECKING:  # an archive is measured without the SDK and without HTTP
    from weighbridge.engine.protocol import Engine

Trees = Callable[[], Mapping[str, Node]]
_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)=(?P<place>.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A report, and the parts of its images."""

    report: Report
    trees: Trees
    """Return variant -> the parts of its image, layer by layer down to files: made when asked for, of what was read."""


def wanted(settings: Settings, variants: Sequence[str], images: Sequence[str]) -> dict[str, Location]:
    """Return what to weigh, by the name that the report calls it: the images named, else the variants.

    An image is called as the user wrote it, or `NAME` where that was `NAME=SOURCE:REFERENCE`. So a variant's budgets
    hold for an image that was built elsewhere, and a baseline has it under one name whatever its tag is.

    Raises:
        SettingsError: A variant or a location is none, both are named, or two images have one name.
    """
    if variants and images:
        raise SettingsError("--variant and --image are both given", advice="Use one of them.")
    if images:
        found = dict[str, Location]()
        for text in images:
            name, place = _named(text)
            location = located(settings, place)
            if found.setdefault(name, location) != location:
                raise SettingsError(f"Two images are called {name}", advice="Name each: --image NAME=SOURCE:REFERENCE.")
        return found
    return {name: Location(DOCKER, settings.reference(name)) for name in settings.chosen(variants)}


def _named(text: str) -> tuple[str, str]:
    """Return an image's name in the report and where it is; a sign of equality may stand in a path, too."""
    named = _NAMED.fullmatch(text)
    return (named["name"], named["place"]) if named else (text, text)


def located(settings: Settings, text: str) -> Location:
    """Return the location that a user names, by a variant's name or with its source.

    Raises:
        SettingsError: It is neither.
    """
    if text in settings.variants:
        return Location(DOCKER, settings.reference(text))
    try:
        return parse(text)
    except SettingsError as error:
        advice = f"{error.advice.removesuffix('.')}, or a variant: {', '.join(settings.variants)}."
        raise SettingsError(error.message, advice=advice) from error


def measure(
    locations: Mapping[str, Location],
    project: Path,
    *,
    cache: Cache | None = None,
    engine: Engine | None = None,
    on_progress: Progress | None = None,
) -> Report:
    """Return the report of images that are weighed now; see `weigh`."""
    return weigh(locations, project, cache=cache, engine=engine, on_progress=on_progress).report


def weigh(
    locations: Mapping[str, Location],
    project: Path,
    *,
    cache: Cache | None = None,
    engine: Engine | None = None,
    on_progress: Progress | None = None,
) -> Weighed:
    """Weigh images now, those of an engine or of one archive in one pass.

    Args:
        locations: Name in the report -> where the image is.
        project: A folder of the repository whose commit the report names.
        cache: What is known of layers; the user's, if None.
        engine: A connected engine; if None, the user's, where a location needs one.
        on_progress: Is told the number of bytes read so far.

    Raises:
        NoSuchImage, UnreadableImage, EngineError: As the sources say.
    """
    with ExitStack() as stack:
        if engine is None and any(location.source == DOCKER for location in locations.values()):
            from weighbridge.engine.client import connect  # noqa: PLC0415 - as above

            engine = stack.enter_context(connect())
        contents = read(locations, engine, cache or Cache(), on_progress)
        find = _finder(engine)
        found = [
            _weighed(name, location.source, contents[location], base_of(contents[location], find))
            for name, location in locations.items()
        ]
        identity = engine.identity if engine else None
    now, commit = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), git.current(project)
    images = tuple(image for image, _ in found)
    report = Report(
        recorded_at=now,
        commit=commit.commit,
        dirty=commit.dirty,
        engine=identity,
        images=images,
        sharing=sharing.shared(images, _fingerprints(contents.values())),
    )
    return Weighed(report=report, trees=once(lambda: {image.variant: parts() for image, parts in found}))


def _fingerprints(contents: Iterable[ImageContent]) -> dict[str, Fingerprint]:
    return {
        diff_id: layer.fingerprint
        for content in contents
        for diff_id, layer in zip(content.diff_ids, content.layers, strict=True)
    }


def weighed(variant: str, source: str, content: ImageContent, base: Base | None) -> Image:
    """Return one image's figures; its sums are those of its layers."""
    return _weighed(variant, source, content, base)[0]


def _weighed(variant: str, source: str, content: ImageContent, base: Base | None) -> tuple[Image, Callable[[], Node]]:
    """Return one image's figures, and what makes its tree."""
    view = filesystem.stack(content.layers)
    owned = owners.owned(view, content.working_dir)
    base_layers = base.layers if base else 0
    told = instructions(content.history, len(content.diff_ids))
    wasted = waste.rows(view.losses.values(), told, base_layers)
    live = view.live_bytes()
    layers = tuple(
        Layer(
            index=index,
            diff_id=diff_id,
            instruction=instruction,
            in_base=index < base.layers if base else None,
            shipped_bytes=layer.shipped_bytes,
            live_bytes=live[index],
            wasted_bytes=layer.shipped_bytes - live[index],
            pull_bytes=blob.size_bytes if blob else layer.deflated_bytes,
            blob=blob.digest if blob else None,
            file_count=layer.file_count,
        )
        for index, (diff_id, instruction, layer, blob) in enumerate(
            zip(content.diff_ids, told, content.layers, content.blobs, strict=True)
        )
    )
    image = Image(
        variant=variant,
        reference=content.reference,
        source=source,
        id=content.config_digest,
        platform=content.platform,
        shipped_bytes=sum(layer.shipped_bytes for layer in layers),
        live_bytes=sum(live),
        wasted_bytes=sum(each.bytes for each in wasted),
        file_count=sum(layer.file_count for layer in layers),
        pull=_pull(layers, content.blobs, len(content.config)),
        base=base,
        layers=layers,
        ledger=ledger.breakdown(view, base_layers, owned, wasted),
        waste=wasted,
    )
    return image, partial(tree.of_image, view.flat(), owned, told, base_layers)


def _pull(layers: Iterable[Layer], blobs: Sequence[Blob | None], config_bytes: int) -> Pull:
    """Return what a node without any of the layers pulls: each blob once, and the config."""
    once = {layer.diff_id: layer.pull_bytes or 0 for layer in layers}
    return Pull(bytes=config_bytes + sum(once.values()), basis="exact" if all(blobs) else "estimated")


def _finder(engine: Engine | None) -> base_image.Find:
    def find(reference: str) -> tuple[str, ...] | None:
        try:
            return engine.image(reference).diff_ids if engine else None
        except (NoSuchImage, EngineFault):  # a fault: the label's text is no name that the engine understands
            return None

    return find


def base_of(content: ImageContent, find: base_image.Find) -> Base | None:
    """Return the base that the image names in its labels, if it really stands on it."""
    told = base_image.told(content.labels, content.diff_ids, find)
    if told is None:
        return None
    reference, count = told
    shipped_bytes = sum(layer.shipped_bytes for layer in content.layers[:count])
    return Base(reference=reference, layers=count, shipped_bytes=shipped_bytes)
