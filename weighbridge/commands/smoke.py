"""Proves variants, from their names to the verdict: joins what their images hold with how they run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from weighbridge import code_digest
from weighbridge.build import bases
from weighbridge.cache import Cache
from weighbridge.engine.client import connect
from weighbridge.engine.protocol import Engine
from weighbridge.model.smoke import Proof
from weighbridge.render import formats
from weighbridge.render.terminal import console, smoke_progress
from weighbridge.settings.project import Settings
from weighbridge.smoke import artifacts, history, runner
from weighbridge.smoke.stack import runs
from weighbridge.sources.scan import image


class Shown(Protocol):
    """Who shows what goes on."""

    def note(self, message: str) -> None:
        """Say what has begun."""

    def reading(self) -> Callable[[int], None]:
        """Return what says how many bytes of the images have been read."""


def prove(
    engine: Engine,
    settings: Settings,
    variants: Sequence[str],
    *,
    shown: Shown,
    watcher: Callable[[], runner.Watcher],
    folder: Path,
    faults: bool = False,
    keep: bool = False,
) -> tuple[Proof, ...]:
    """Remove what dead runs left, read the variants' images, then start all of them side by side and try the rules.

    The outcome is remembered: see `proven`.

    What containers of a variant that failed have written is kept in the folder of the records.

    Args:
        engine: Has the images.
        settings: What they are proven by.
        variants: Names of `settings.variants`.
        shown: Is told what is done.
        watcher: Returns who hears of each rule; called when the first is about to be tried.
        folder: That of the records.
        faults: Whether things are broken on purpose, too.
        keep: Whether containers stay as they are at the end.

    Raises:
        NoBaseImage: There is no Redis to prove them with.
        NoSuchImage: A variant has no image.
        SettingsError: A variant accepts a rule that is none, or a folder cannot be written.
        EngineError: The engine fails or goes away.
    """
    references = {name: settings.reference(name) for name in variants}
    redis = bases.base_image(engine, "redis", settings.bases.redis)
    runs.sweep(engine, shown.note)
    runner.check_images(engine, tuple(references.values()))
    shown.note(f"Redis: {redis.described}")
    held = image.screen(engine, references.values(), Cache(), shown.reading())
    trial = runner.Trial(
        engine=engine, settings=settings, redis=redis.reference, faults=faults, keep=keep, note=shown.note
    )
    found = runner.prove(trial, {name: held[reference] for name, reference in references.items()}, watcher())
    for each in found:
        history.remember(settings, _code(engine), each)
    kept = artifacts.keep(found, folder)
    if kept:
        shown.note(f"Kept {len(kept)} files in {kept[0].parent}")
    return found


def run(
    settings: Settings, project: Path, variants: Sequence[str], format_name: str, *, faults: bool, keep: bool
) -> None:
    """Prove the variants that are named, or all, and draw what was found.

    Raises:
        SmokeFailed: A rule does not hold.
    """
    render = formats.choose(formats.PROOFS, format_name)
    names, folder = settings.chosen(variants), project / settings.reports.directory
    with connect() as engine:
        with console.activity() as shown:
            watcher = partial(smoke_progress.progress, shown, names)
            proofs = prove(
                engine, settings, names, shown=shown, watcher=watcher, folder=folder, faults=faults, keep=keep
            )
        render(proofs)
        for line in runs.remains(engine) if keep else ():
            console.say(line)
    runner.check(proofs)


def proven(engine: Engine, settings: Settings, image_id: str) -> bool:
    """Tell whether the last smoke test of exactly this image passed, by the rules and settings of today."""
    return history.proven(settings, _code(engine), image_id)


def _code(engine: Engine) -> str:
    """Return a digest of the code that proves: it runs images by an engine's client, and reads what they hold."""
    return code_digest.of(runner, image, sys.modules[type(engine).__module__])
