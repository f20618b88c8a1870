"""Push what was proven: images whose very id has passed the smoke test, told by the digest that the registry has.

See docs/decisions/0013-push-what-was-proven.md. This joins smoke, bases and sources, which never meet otherwise.
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
from weighbridge.sources.registry import client, references
from weighbridge.sources.registry.references import Reference

_SHORT = 19
"""Characters of a digest that a message shows: the algorithm and twelve digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A variant that a registry has now."""

    variant: str
    image_id: str
    reference: str
    """`HOST/NAME@sha256:…`."""


class Shown(smoke.Shown, Protocol):
    """What tells the user how far it is."""

    def counting(self, name: str) -> Callable[[int], None]:
        """Return what says how many bytes have been sent."""

    def finish(self, *words: str) -> None:
        """Say what is done."""


def targets(text: str | None, variants: Sequence[str]) -> dict[str, Reference]:
    """Return where each variant goes: one alone to the name itself, each of several to the tag with `-VARIANT` behind.

    Args:
        text: `HOST/NAME[:TAG]`; None: nothing is pushed.
        variants: Those that are built.

    Raises:
        SettingsError: It is no name of an image, or has a digest.
    """
    if text is None:
        return {}
    if not text:  # a script's variable that is not set
        raise SettingsError("--push names nothing", advice="Write it as HOST/NAME:TAG, or leave it out.")
    named = _parsed(text, text)
    if named.digest:
        raise SettingsError(f"--push {text} has a digest, and that comes of the push", advice="Give a tag instead.")
    if len(variants) == 1:
        return {variants[0]: named}
    return {name: _parsed(f"{named}-{name}", text) for name in variants}


def _parsed(reference: str, text: str) -> Reference:
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
    folder: Path,
) -> tuple[Pushed, ...]:
    """Push images, all of them proven, before the first of them goes.

    Args:
        engine: Has the images.
        settings: What they are proven by.
        built: The images.
        wanted: Variant -> where it goes; others stay.
        shown: Told what is done.
        watcher: Returns who is told of each rule that is tried on these variants.
        folder: Of the records; what failed leaves its logs there.

    Raises:
        SmokeFailed: One of them does not pass; nothing was pushed.
        PushRefused: The registry does not take one, or has something else than was proven.
        NoBaseImage: There is no Redis to prove them with.
    """
    chosen = [each for each in built if each.variant in wanted]
    unproven = _unproven(engine, settings, chosen, shown)
    if unproven:
        names = tuple(unproven)
        prove = partial(smoke.prove, engine, settings, names, shown=shown, watcher=partial(watcher, names))
        _check(settings, unproven, prove(folder=folder))
    return tuple(_pushed(engine, each, wanted[each.variant], shown) for each in chosen)


def _unproven(engine: Engine, settings: Settings, chosen: Sequence[Built], shown: Shown) -> dict[str, str]:
    """Return the ids of the images that have not passed yet, by variant."""
    found = {}
    for each in chosen:
        if smoke.proven(engine, settings, each.image_id):
            shown.note(f"{each.variant}: {each.image_id[:_SHORT]} has passed the smoke test before")
        else:
            found[each.variant] = each.image_id
    return found


def _check(settings: Settings, wanted: Mapping[str, str], proofs: Sequence[Proof]) -> None:
    """Raise where an image did not pass, or another one was tried than was built."""
    try:
        runner.check(proofs)
    except SmokeFailed as error:
        raise SmokeFailed(f"Nothing is pushed: {error.message}", detail=error.detail) from error
    for each in proofs:
        if each.image_id != wanted[each.variant]:
            name = settings.reference(each.variant)
            raise EngineFault(f"{name} is another image by now than was built", advice="Run it again, one at a time.")


def _pushed(engine: Engine, built: Built, target: Reference, shown: Shown) -> Pushed:
    name = str(target)
    shown.note(f"{built.variant}: pushing to {name}")
    with _named(engine, built.image_id, name):
        digest = engine.push(name, shown.counting(f"{built.variant}: pushing"))
    reference = f"{target.host}/{target.repository}@{digest}"
    _verify(reference, built.image_id)
    shown.finish(f"{built.variant}: {reference}")  # at once: the next variant may fail
    return Pushed(variant=built.variant, image_id=built.image_id, reference=reference)


@contextmanager
def _named(engine: Engine, image_id: str, name: str) -> Iterator[None]:
    """Give an image the name that it is pushed by; then the name goes again, or back to the image that had it."""
    before = engine.image(name).id if engine.has_image(name) else ""
    if before == image_id:
        yield
        return
    engine.tag(image_id, name)
    try:
        yield
    finally:
        with suppress(EngineError):  # what went wrong before matters more
            engine.remove_image(name)  # and with it the digest that the engine notes for what it has pushed
        with suppress(EngineError):
            if before:
                engine.tag(before, name)


def _verify(reference: str, image_id: str) -> None:
    """Make sure that what the registry has by that digest is the image that was proven: content, not a name."""
    try:
        found = client.digests(reference)
    except SourceError as error:
        raise PushRefused(
            f"{reference} is pushed and cannot be checked: {error.message}", advice=error.advice
        ) from error
    if image_id not in found:
        raise PushRefused(f"{reference} is another image than {image_id[:_SHORT]}…, which was proven and pushed")
