"""Runs the smoke test on variants: scans the images that they need, starts them, and tries the rules on both."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, get_args

from weighbridge import code_digest
from weighbridge.build import service_images
from weighbridge.cache import Cache
from weighbridge.engine.client import connect
from weighbridge.engine.protocol import Engine
from weighbridge.errors import SettingsError
from weighbridge.model.rules import Profile
from weighbridge.model.smoke import Proof
from weighbridge.render import formats
from weighbridge.render.terminal import console, smoke_progress
from weighbridge.settings.project import Settings
from weighbridge.smoke import artifacts, history, runner
from weighbridge.smoke.stack import cast, runs
from weighbridge.sources.processes import pool
from weighbridge.sources.scan import image


class Shown(Protocol):
    """Shows progress to the user."""

    def note(self, message: str) -> None:
        """Show what has begun."""

    def track_reading(self) -> Callable[[int], None]:
        """Return a callback that shows how many bytes of the images have been read."""


def prove(
    engine: Engine,
    settings: Settings,
    variants: Sequence[str],
    *,
    shown: Shown,
    watcher: Callable[[Sequence[str]], runner.Watcher],
    project: Path,
    folder: Path | None,
    faults: bool = False,
    keep: bool = False,
) -> tuple[Proof, ...]:
    """Remove what dead runs left, read the variants' images, then start all of them side by side and try the rules.

    The outcome is stored for `is_proven`. The logs of a variant that fails are kept in the folder of the records.

    Args:
        engine: The engine that has the images.
        settings: The settings of the smoke test.
        variants: Names of `settings.variants`; those that roles name run beside them.
        shown: Shows progress.
        watcher: Takes what is tested, and returns the watcher that hears of each rule; called just before the first.
        project: The project's folder, from which the paths in the settings start.
        folder: The folder of the records; None: no logs are kept.
        faults: Whether to break things on purpose, too.
        keep: Whether to leave the containers running at the end.

    Raises:
        NoBaseImage: There is no image for a service of the test, or a ready one of a role cannot be pulled.
        NoSuchImage: A variant has no image.
        SettingsError: A variant accepts a rule that does not exist, a file to upload cannot be read, or a folder cannot
            be written.
        EngineError: The engine fails or goes away.
    """
    keys = cast.list_keys(settings, variants)
    services = service_images.find_all(engine, settings)
    runs.sweep(engine, shown.note)
    casts = _scan(engine, settings, keys, shown)
    trial = runner.Trial(
        engine=engine,
        settings=settings,
        services={service.service: service.reference for service in services},
        project=project,
        faults=faults,
        keep=keep,
        note=shown.note,
    )
    for service in services:
        shown.note(f"Service {service.service}: {service.described}")
    found = runner.prove(trial, casts, watcher(tuple(casts)))
    for each in found:
        history.remember(settings, _compute_code_digest(engine), each)
    kept = artifacts.keep(found, folder) if folder else ()
    if kept:
        shown.note(f"Kept {len(kept)} files in {kept[0].parent}")
    return found


def run(
    settings: Settings,
    project: Path,
    variants: Sequence[str],
    format_name: str,
    *,
    profile: str = "",
    faults: bool,
    keep: bool,
    notes: Sequence[str] = (),
) -> None:
    """Test the named variants, or all of them, and render the results; first show what was guessed of compose files.

    Raises:
        SettingsError: There is no such profile, variant or format.
        SmokeFailed: A rule does not hold.
    """
    settings = choose_profile(settings, profile)
    render = formats.choose(formats.PROOFS, format_name)
    names = settings.select_variants(variants)
    folder = project / settings.reports.directory if settings.reports.directory else None
    with connect() as engine:
        with console.show_activity() as shown:
            for note in notes:
                shown.note(note)
            watcher = partial(smoke_progress.show_progress, shown)
            proofs = prove(
                engine,
                settings,
                names,
                shown=shown,
                watcher=watcher,
                project=project,
                folder=folder,
                faults=faults,
                keep=keep,
            )
        render(proofs)
        for line in runs.list_kept_commands(engine) if keep else ():
            console.say(line)
    runner.check(proofs)


def is_proven(engine: Engine, settings: Settings, image_id: str) -> bool:
    """Tell whether the last smoke test of exactly this image passed, with the present code, settings and images."""
    names = {name: settings.name_image(name) for name in settings.variants}
    beside = {name: engine.inspect_image(each).id for name, each in names.items() if engine.has_image(each)}
    return history.is_proven(settings, _compute_code_digest(engine), image_id, beside)


def choose_profile(settings: Settings, name: str) -> Settings:
    """Return the settings with another profile; with the same if the name is empty.

    Raises:
        SettingsError: There is no such profile.
    """
    if not name:
        return settings
    known: tuple[Profile, ...] = get_args(Profile)
    if name not in known:
        raise SettingsError(f"There is no profile {name}", advice=f"Choose from {', '.join(known)}.")
    return settings.model_copy(update={"smoke": settings.smoke.model_copy(update={"profile": name})})


def _scan(engine: Engine, settings: Settings, keys: Mapping[str, Sequence[str]], shown: Shown) -> dict[str, cast.Cast]:
    """Read all images that are needed, and return what is tested, by its name -> the images that it runs from."""
    references = {key: _name_image(settings, key) for each in keys.values() for key in each}
    for key, reference in references.items():
        if key not in settings.variants and not engine.has_image(reference):
            shown.note(f"Pulling {reference}")
            engine.pull(reference)
    runner.check_images(engine, tuple(references.values()))
    held = image.screen(
        engine,
        references.values(),
        Cache(),
        shown.track_reading(),
        limits=settings.limits.build_limits(),
        local_store=settings.engine.local_store,
        processes=pool.count_processes(),
    )
    return {
        name: cast.Cast(
            images={key: held[references[key]] for key in each}, tested=name if name in settings.variants else ""
        )
        for name, each in keys.items()
    }


def _name_image(settings: Settings, key: str) -> str:
    """Return the reference of an image that roles run from: a variant, or one that is there."""
    return settings.name_image(key) if key in settings.variants else key


def _compute_code_digest(engine: Engine) -> str:
    """Return a digest of the code that decides the outcome: the rules, the scan, and the engine's client."""
    return code_digest.compute_digest(runner, image, sys.modules[type(engine).__module__])
