"""Builds variants with live progress, says what they weigh, and pushes those that pass the smoke test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from weighbridge.build import buildkit, excess, plan
from weighbridge.build import platforms as platform_names
from weighbridge.build.replacement import Replacements
from weighbridge.commands import publish, weigh
from weighbridge.engine import docker_cli
from weighbridge.engine.client import connect
from weighbridge.engine.protocol import Engine
from weighbridge.image.categories import APPLICATION, UNOWNED
from weighbridge.model.build import BuildResult, LargeContext, Weight
from weighbridge.model.report import Image
from weighbridge.render import formats
from weighbridge.render.terminal import build_progress, console, smoke_progress
from weighbridge.report import records
from weighbridge.report.comparison import Refusal, compare_images
from weighbridge.settings.project import Settings
from weighbridge.sources.blobs import Progress
from weighbridge.sources.locations import DOCKER, Location


def run(
    settings: Settings,
    project: Path,
    variants: Sequence[str],
    *,
    platforms: Sequence[str] = (),
    push: str | None = None,
    no_cache: bool = False,
    format_name: str = "terminal",
) -> None:
    """Build the named variants, or all of them, and weigh them; with `push`, push each one to its target."""
    render = formats.choose(formats.BUILDS, format_name)
    names = settings.select_variants(variants)
    targets, wanted = publish.choose_targets(push, names), platform_names.parse(platforms, push=push is not None)
    with connect() as engine:
        with console.show_activity() as shown:
            client, steps = docker_cli.find(), partial(build_progress.show_steps, shown)
            platform_names.check(client, engine, wanted, push=push is not None)
            replacements = Replacements(engine, client, shown.note)
            base, builds = plan.plan_variants(
                engine, settings, project, names, platforms=wanted, no_cache=no_cache, replacements=replacements
            )
            built = [buildkit.build(client, engine, each, steps(each.variant)) for each in builds]
            images = weigh_built(engine, settings, project, names, shown.track_reading())
        result = BuildResult(
            built=tuple(built),
            base=base.described,
            replaced=replacements.described,
            large_contexts=tuple(_find_large_contexts(settings, project, images)),
            weights=_compare_with_records(settings, project, images),
            pushed={},
        )
        if not targets:
            render(result)
            return
        with console.show_activity() as shown:
            watcher = partial(smoke_progress.show_progress, shown)
            folder = project / settings.reports.directory if settings.reports.directory else None
            pushed = publish.publish(
                engine, settings, built, targets, shown=shown, watcher=watcher, project=project, folder=folder
            )
    render(replace(result, pushed={each.variant: each.reference for each in pushed}))


def weigh_built(
    engine: Engine, settings: Settings, project: Path, variants: Sequence[str], on_progress: Progress
) -> tuple[Image, ...]:
    """Return what the variants weigh; only of images that the engine has."""
    wanted = {name: Location(DOCKER, settings.name_image(name)) for name in variants}
    wanted = {name: place for name, place in wanted.items() if engine.has_image(place.place)}
    if not wanted:
        return ()
    return weigh.weigh(wanted, project, engine=engine, on_progress=on_progress, settings=settings).report.images


def _find_large_contexts(settings: Settings, project: Path, images: Iterable[Image]) -> Iterator[LargeContext]:
    """Yield the contexts that are far larger than what any of their images uses, each once."""
    used = dict[tuple[str, str], int]()
    for image in images:
        variant = settings.variants[image.variant]
        own = sum(row.bytes for row in image.ledger if row.category in {APPLICATION, UNOWNED})
        place = variant.context, variant.dockerfile
        used[place] = max(used.get(place, 0), own)
    for (folder, dockerfile), most in used.items():
        found = excess.find_excess(project / folder, project / dockerfile, most)
        if found:
            yield replace(found, folder=folder)


def _compare_with_records(settings: Settings, project: Path, images: Iterable[Image]) -> Mapping[str, Weight]:
    """Return variant -> its weight now, and its change since the last record."""
    known = records.read_history(project / settings.reports.directory).reports if settings.reports.directory else ()
    last = {image.variant: (image, report.recorded_at) for report in known for image in report.images}
    noise = settings.budgets.noise.bytes
    return {image.variant: _compare(image, last.get(image.variant), noise) for image in images}


def _compare(image: Image, last: tuple[Image, str] | None, noise_bytes: int) -> Weight:
    """Return an image's weight; `last` is the image in the last record, and when that was made."""
    change, since = None, "because there is no record of it"
    if last:
        before, recorded_at = last
        found = compare_images(image.variant, before, image, noise_bytes=noise_bytes)
        if isinstance(found, Refusal):
            since = f"because {found.reason}"
        else:
            change, since = found.delta_bytes, recorded_at
    return Weight(
        shipped_bytes=image.shipped_bytes,
        pull=image.pull,
        change_bytes=change,
        since=since,
        noise_bytes=noise_bytes,
    )
