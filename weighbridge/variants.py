"""What to build for the project's variants: the settings' plan, on the base image that the engine has."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from weighbridge import annotations as told
from weighbridge import bases, builder
from weighbridge.bases import BaseImage
from weighbridge.builder import Build
from weighbridge.engine.client import Engine
from weighbridge.image import base_image
from weighbridge.settings import Settings


def plan(
    engine: Engine,
    settings: Settings,
    project: Path,
    names: Iterable[str],
    *,
    platforms: Iterable[str] = (),
    no_cache: bool = False,
) -> tuple[BaseImage, tuple[Build, ...]]:
    """Return the base and what to build on it, with the arguments and labels that each of our builds gets.

    Raises:
        NoBaseImage: The engine has none.
        SettingsError: SOURCE_DATE_EPOCH is no time.
    """
    base = bases.base_image(engine, "python", settings.bases.python)
    found = engine.image(base.reference)
    arguments = {base_image.BASE_ARGUMENT: base.reference, **told.arguments(project)}
    if found.digest:
        arguments[base_image.DIGEST_ARGUMENT] = found.digest
    # What the base is made of is known of the engine's own platform alone.
    labels = base_image.labels(found.diff_ids) if set(platforms) <= {engine.identity.platform} else {}
    return base, builder.plan(
        settings, project, names, arguments, labels=labels, platforms=platforms, no_cache=no_cache
    )
