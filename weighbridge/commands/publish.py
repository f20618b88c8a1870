"""Pushes images whose very id has passed the smoke test, and checks by digest that the registry has them.

See docs/decisions/0013-push-what-was-proven.md. This module joins the rooms smoke, build and sources, which do not know
each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from weighbridge.commands import smoke
from weighbridge.engine.protocol import Engine
from weighbridge.errors import (
    EngineError,
    EngineFault,
    NoSuchImage,
    PushRefused,
    SettingsError,
    SmokeFailed,
    SourceError,
)
from weighbridge.model.build import Built
from weighbridge.model.smoke import Proof
from weighbridge.settings.project import Settings
from weighbridge.smoke import runner
from weighbridge.sources.registry import client, references, token_hosts
from weighbridge.sources.registry.references import Reference

_SHORT = 19
"""Characters of a digest that a message shows: the algorithm and twelve digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A variant that was pushed."""

    variant: str
    image_id: str
    reference: str
    """`HOST/NAME@sha256:…`."""


class Shown(smoke.Shown, Protocol):
    """Shows progress to the user."""

    def track_bytes(self, name: str) -> Callable[[int], None]:
        """Return a callback that shows how many bytes have been sent."""

    def finish(self, *words: str) -> None:
        """Show what is done."""


def choose_targets(text: str | None, variants: Sequence[str]) -> dict[str, Reference]:
    """Return variant -> where to push it: the named tag for a single variant, `TAG-VARIANT` for each of several.

    Args:
        text: `HOST/NAME[:TAG]`; None: push nothing.
        variants: The variants to build.

    Raises:
        SettingsError: The text is not the name of an image, or has a digest.
    """
    if text is None:
        return {}
    if not text:  # such as a script's unset variable
        raise SettingsError("--push names nothing", advice="Write it as HOST/NAME:TAG, or leave it out.")
    named = _parse_target(text, text)
    if named.digest:
        advice = "Give a tag instead."
        raise SettingsError(f"--push {text} has a digest, which only the push itself determines", advice=advice)
    if len(variants) == 1:
        return {variants[0]: named}
    return {name: _parse_target(f"{named}-{name}", text) for name in variants}


def _parse_target(reference: str, text: str) -> Reference:
    try:
        return references.parse(reference)
    except NoSuchImage as error:
        raise SettingsError(f"--push {text}: {error.message}", advice=error.advice) from error


def publish(
    engine: Engine,
    settings: Settings,
    built: Sequence[Built],
    wanted: Mapping[str, Reference],
    *,
    shown: Shown,
    watcher: Callable[[Sequence[str]], runner.Watcher],
    project: Path,
    folder: Path | None,
) -> tuple[Pushed, ...]:
    """Push images, after all of them have passed the smoke test.

    Args:
        engine: The engine that has the images.
        settings: The settings of the smoke test.
        built: The images.
        wanted: Variant -> where to push it; the others are not pushed.
        shown: Shows progress.
        watcher: Takes variants; returns the watcher that hears of each rule tried on them.
        project: The project's folder, from which the paths in the settings start.
        folder: The folder of the records, where a failed smoke test leaves its logs.

    Raises:
        SmokeFailed: One of them does not pass; nothing was pushed.
        PushRefused: The registry refuses an image, or has another one than was tested.
        NoBaseImage: There is no image for a service of the smoke test.
    """
    chosen = [each for each in built if each.variant in wanted]
    unproven = _find_unproven(engine, settings, chosen, shown)
    if unproven:
        names = tuple(unproven)
        prove = partial(smoke.prove, engine, settings, names, shown=shown, watcher=watcher)
        _check(settings, unproven, prove(project=project, folder=folder))
        for name in unproven:
            shown.note(f"{name}: proven under the profile {settings.smoke.profile}")
    return tuple(_push(engine, settings, each, wanted[each.variant], shown) for each in chosen)


def _find_unproven(engine: Engine, settings: Settings, chosen: Sequence[Built], shown: Shown) -> dict[str, str]:
    """Return variant -> id of the images that have not passed the smoke test yet."""
    found = {}
    for each in chosen:
        if smoke.is_proven(engine, settings, each.image_id):
            how = f"the smoke test before, under the profile {settings.smoke.profile}"
            shown.note(f"{each.variant}: {each.image_id[:_SHORT]} has passed {how}")
        else:
            found[each.variant] = each.image_id
    return found


def _check(settings: Settings, wanted: Mapping[str, str], proofs: Sequence[Proof]) -> None:
    """Raise an error if an image did not pass, or if the one that was tested is not the one that was built."""
    try:
        runner.check(proofs)
    except SmokeFailed as error:
        raise SmokeFailed(f"Nothing is pushed: {error.message}", detail=error.detail) from error
    tried = {image.key: image.image_id for proof in proofs for image in proof.images}
    for variant, image_id in wanted.items():
        if tried.get(variant) != image_id:
            name = settings.name_image(variant)
            raise EngineFault(
                f"{name} is no longer the image that was built", advice="Run the command again, and only one at a time."
            )


def _push(engine: Engine, settings: Settings, built: Built, target: Reference, shown: Shown) -> Pushed:
    name = str(target)
    shown.note(f"{built.variant}: pushing to {name}")
    with _tag_temporarily(engine, built.image_id, name):
        digest = engine.push(name, shown.track_bytes(f"{built.variant}: pushing"))
    reference = f"{target.host}/{target.repository}@{digest}"
    _verify(reference, built.image_id, settings.registries.token_hosts)
    shown.finish(f"{built.variant}: {reference}")  # at once: the next variant may fail
    return Pushed(variant=built.variant, image_id=built.image_id, reference=reference)


@contextmanager
def _tag_temporarily(engine: Engine, image_id: str, name: str) -> Iterator[None]:
    """Tag an image with the name to push it by; afterwards remove the tag, or return it to the image that had it."""
    before = engine.inspect_image(name).id if engine.has_image(name) else ""
    if before == image_id:
        yield
        return
    engine.tag(image_id, name)
    try:
        yield
    finally:
        with suppress(EngineError):  # an earlier error matters more
            engine.remove_image(name)  # also removes the digest that the engine notes after a push
        with suppress(EngineError):
            if before:
                engine.tag(before, name)


def _verify(reference: str, image_id: str, allowed: token_hosts.Allowed = token_hosts.NOTHING_ALLOWED) -> None:
    """Make sure that the registry has the tested image under that digest, by its content and not by a name."""
    try:
        found = client.fetch_digests(reference, allowed)
    except SourceError as error:
        raise PushRefused(
            f"{reference} was pushed, but cannot be checked: {error.message}", advice=error.advice
        ) from error
    if image_id not in found:
        raise PushRefused(f"{reference} is not {image_id[:_SHORT]}…, the image that was tested and pushed")
