"""Runs the comparison of images: builds, weighs, changes and starts all of them in turns, and joins the figures."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import patterns, starts
from benchmarks.image_results import Compared, ImageResults
from benchmarks.patterns import Subject
from benchmarks.starts import ROLES, Start
from weighbridge.build import bases
from weighbridge.cache import Cache
from weighbridge.commands import rebuild, weigh
from weighbridge.engine import docker_cli
from weighbridge.engine.client import connect
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import Engine
from weighbridge.errors import BuildFailed, EngineFault, SettingsError
from weighbridge.model.report import Image, Rebuild
from weighbridge.render.terminal.console import Activity
from weighbridge.settings.project import Change, Settings
from weighbridge.sources.locations import DOCKER, Location

CHANGE = "code"
LINE = Change(file="backend/service.py", append="# {unique}")
"""The change to measure if the settings have none of that name."""


@dataclass(frozen=True, slots=True)
class _Bench:
    """Values that all steps need."""

    engine: Engine
    client: BuildClient
    settings: Settings
    shown: Activity
    rounds: int
    cache: Cache
    """A cache for this comparison only: its images are removed again, and their layers would displace the user's."""


@dataclass(slots=True)
class _Found:
    """The results so far, by the image's name."""

    images: dict[str, Image] = field(default_factory=dict)
    rebuilds: dict[str, list[Mapping[str | None, Rebuild]]] = field(default_factory=dict)
    starts: dict[str, dict[str, list[Start]]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


def compare(settings: Settings, project: Path, shown: Activity, *, rounds: int) -> ImageResults:
    """Compare the variants with the patterns; remove all images, containers, networks and volumes afterwards.

    Args:
        settings: Name the variants and the roles' commands.
        project: Folder of the repository.
        shown: Shows progress.
        rounds: How often to start each role and to build each image again.

    Raises:
        SettingsError: `rounds` is less than 1, or a variant has the name of a pattern.
        BuildFailed: A variant cannot be built.
        EngineError: There is no engine, no base image, or a variant does not start.
    """
    if rounds < 1:
        raise SettingsError(f"--runs {rounds} would measure nothing", advice="Give 1 or more.")
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-") as folder, connect() as engine:
        bench = _Bench(engine, docker_cli.find(), settings, shown, rounds, Cache(Path(folder)))
        base, wanted = patterns.plan(engine, settings, project)
        redis = bases.find_base_image(engine, "redis", settings.bases.redis).reference
        found = _Found()
        with patterns.build_images(
            bench.client, engine, settings, wanted, lambda name: shown.note(f"Building {name}")
        ) as (
            subjects,
            faults,
        ):
            found.faults |= faults
            _weigh(bench, subjects, found)
            _rebuild(bench, subjects, found)
            _start(bench, subjects, redis, found)
        described = f"Docker {engine.identity.version}, {engine.identity.store}"
    images = tuple(_join_figures(each, found) for each in subjects if each.name not in found.faults)
    return ImageResults(rounds=rounds, engine=described, base=base.reference, images=images, left_out=found.faults)


def _weigh(bench: _Bench, subjects: Sequence[Subject], found: _Found) -> None:
    """Weigh all images in one pass, so that shared layers are read once."""
    locations = {each.name: Location(DOCKER, each.reference) for each in subjects}
    progress = bench.shown.track_reading()
    report = weigh.weigh(locations, Path(), cache=bench.cache, engine=bench.engine, on_progress=progress).report
    found.images |= {image.variant: image for image in report.images}


def _rebuild(bench: _Bench, subjects: Sequence[Subject], found: _Found) -> None:
    """In every round build each image with nothing changed, then with a line changed; a pattern may fail."""
    tried = {CHANGE: bench.settings.changes.get(CHANGE, LINE)}
    for number in range(1, bench.rounds + 1):
        bench.shown.note(f"Round {number} of {bench.rounds}: building again")
        for subject in (each for each in subjects if each.name not in found.faults):
            try:
                costs = rebuild.measure_costs(bench.client, bench.engine, [subject.build], tried, cache=bench.cache)
            except BuildFailed as error:
                if subject.is_ours:
                    raise
                found.faults[subject.name] = error.message
            else:
                rebuilds = {each.change: each for each in costs[subject.name]}
                found.rebuilds.setdefault(subject.name, []).append(rebuilds)


def _start(bench: _Bench, subjects: Sequence[Subject], redis: str, found: _Found) -> None:
    """In every round start each image in both roles; skip a pattern that has failed."""
    with starts.set_up_stage(bench.engine, bench.client, bench.settings, redis, bench.shown.note) as stage:
        for number in range(1, bench.rounds + 1):
            bench.shown.note(f"Round {number} of {bench.rounds}: starting")
            for each in subjects:
                if each.name in found.faults:
                    continue
                bench.shown.begin(f"Round {number} of {bench.rounds}: starting {each.name}")
                try:
                    once = {role: stage.start(each.reference, role) for role in ROLES}
                except EngineFault as error:
                    if each.is_ours:
                        raise
                    found.faults[each.name] = error.message
                    continue
                for role, start in once.items():
                    found.starts.setdefault(each.name, {}).setdefault(role, []).append(start)


def _join_figures(subject: Subject, found: _Found) -> Compared:
    image, rebuilds = found.images[subject.name], found.rebuilds[subject.name]
    if image.pull is None:
        raise EngineFault(f"The engine did not send all layers of {image.reference}")
    return Compared(
        name=subject.name,
        is_ours=subject.is_ours,
        shipped_bytes=image.shipped_bytes,
        pull=image.pull,
        starts={role: tuple(runs) for role, runs in found.starts[subject.name].items()},
        again_seconds=tuple(each[None].seconds for each in rebuilds),
        change_seconds=tuple(each[CHANGE].seconds for each in rebuilds),
        change_pull=rebuilds[0][CHANGE].pull,
    )
