"""Measures what a change to the sources costs each variant: seconds of a build with a warm cache, bytes to pull again.

It builds in a copy of the build context and under names of our own, and removes both at the end. Only the layers in the
builder's cache stay, as after every build.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from weighbridge.build import buildkit, changes, plan
from weighbridge.build.buildkit import Build, OnStep
from weighbridge.build.context import Context
from weighbridge.cache import Cache
from weighbridge.commands import weigh
from weighbridge.engine import docker_cli
from weighbridge.engine.client import connect
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import Engine
from weighbridge.errors import EngineError, SettingsError
from weighbridge.model.build import Built
from weighbridge.model.report import Image, Rebuild, Report
from weighbridge.report import difference
from weighbridge.settings.project import Change, Settings
from weighbridge.sources.blobs import Progress
from weighbridge.sources.locations import DOCKER, Location

OnBuild = Callable[[str], OnStep]
"""Called with what is built next, such as `multi code`; returns the callback for its steps."""
_UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class _Trial:
    """A build with a warm cache, and the names of the images before and after the change."""

    change: str | None
    built: Built
    before: str
    after: str


def check(settings: Settings, project: Path, names: Sequence[str], images: Sequence[str]) -> None:
    """Make sure that what the user wants can be rebuilt, before anything asks an engine.

    Raises:
        SettingsError: The user named images, which have no source here, or a change does not apply to a variant.
    """
    if images:
        raise SettingsError(
            "--rebuild and --image are both given",
            advice="Leave one out: only the variants of the settings can be built again.",
        )
    changes.check(settings, project, settings.select_variants(names))


def add_costs(
    report: Report,
    settings: Settings,
    project: Path,
    on_build: OnBuild,
    on_progress: Callable[[], Progress],
) -> Report:
    """Return the report with the cost that each change in the settings has for each variant; see `measure_costs`."""
    with connect() as engine:
        _, wanted = plan.plan_variants(engine, settings, project, [image.variant for image in report.images])
        found = measure_costs(
            docker_cli.find(),
            engine,
            wanted,
            settings.changes,
            on_build=on_build,
            on_progress=on_progress,
            settings=settings,
        )
    return replace(report, images=tuple(replace(image, rebuilds=found[image.variant]) for image in report.images))


def measure_costs(
    client: BuildClient,
    engine: Engine,
    wanted: Iterable[Build],
    tried: Mapping[str, Change],
    *,
    cache: Cache | None = None,
    on_build: OnBuild = lambda _: lambda _: None,
    on_progress: Callable[[], Progress] = lambda: lambda _: None,
    settings: Settings | None = None,
) -> dict[str, tuple[Rebuild, ...]]:
    """Build each variant, then build it again: once with nothing changed, then with each change alone.

    Args:
        client: The client that drives BuildKit.
        engine: The engine that has the images for a while.
        wanted: What to build, from `plan.plan_variants`; the images of these names stay as they are.
        tried: Name -> change.
        cache: The cache of layers; the user's, if None.
        on_build: Called before each build.
        on_progress: Called before the images are weighed; returns the callback that gets the bytes read so far.
        settings: As in `weigh.weigh`.

    Returns:
        Variant -> its rebuilds: first the one with nothing changed (`change` is None), then in the order of `tried`.

    Raises:
        SettingsError: A change does not apply, or the context cannot be copied.
        BuildFailed: The message names the variant and the change.
    """
    with _Names(client, engine, on_build) as names:
        trials = {each.variant: tuple(_run_trials(names, each, tried)) for each in wanted}
        locations = {name: Location(DOCKER, name) for name in names.given}
        weighed = weigh.weigh(
            locations, Path(), cache=cache, engine=engine, on_progress=on_progress(), settings=settings
        )
    images = {image.variant: image for image in weighed.report.images}
    return {variant: tuple(_compute_cost(trial, images) for trial in found) for variant, found in trials.items()}


class _Names:
    """Builds images under names of our own, and removes them at the end of the block."""

    def __init__(self, client: BuildClient, engine: Engine, on_build: OnBuild) -> None:
        self._client, self._engine, self._on_build = client, engine, on_build
        self.given = list[str]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in self.given:
            with suppress(EngineError):  # `invoke clean` finds it in the record of builds
                self._engine.remove_image(name)

    def build(self, wanted: Build, what: str) -> tuple[str, Built]:
        """Build with a warm cache; return the image's name and the build."""
        name, title = f"{wanted.reference}-rebuild-{secrets.token_hex(4)}", f"{wanted.variant} {what}"
        self.given.append(name)  # before the build, so that an interrupted build is removed too
        own = replace(wanted, variant=title, reference=name, no_cache=False)
        return name, buildkit.build(self._client, self._engine, own, self._on_build(title))


def _run_trials(names: _Names, wanted: Build, tried: Mapping[str, Change]) -> Iterator[_Trial]:
    """Build one variant again and again in a copy of its context."""
    with tempfile.TemporaryDirectory(prefix="weighbridge-") as folder:
        context = Context(folder=wanted.context, dockerfile=wanted.dockerfile).copy_to(Path(folder, "context"))
        copied = replace(wanted, context=context.folder, dockerfile=context.dockerfile)
        before, _ = names.build(copied, _UNCHANGED)  # warms the cache
        after, built = names.build(copied, _UNCHANGED)
        yield _Trial(None, built, before, after)
        for name, change in tried.items():
            with changes.apply(context, name, change):
                after, built = names.build(copied, name)
            yield _Trial(name, built, before, after)


def _compute_cost(trial: _Trial, images: Mapping[str, Image]) -> Rebuild:
    before, after = images[trial.before], images[trial.after]
    found = difference.subtract_images("", before, after)
    # A difference lists every layer of the later image in order, then those that only the earlier one had.
    new = tuple(layer for layer, row in zip(after.layers, found.layers, strict=False) if row.change == "added")
    return Rebuild(
        change=trial.change,
        seconds=round(trial.built.seconds, 3),
        steps_run=trial.built.count("done"),
        steps_cached=trial.built.count("cached"),
        layers=new,
        pull=found.cost,
    )
