"""Plans the builds of variants: on the base that the engine has, with the same arguments and labels for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from weighbridge.build import bases, labels
from weighbridge.build.bases import BaseImage
from weighbridge.build.buildkit import Build
from weighbridge.build.platforms import are_own
from weighbridge.engine.protocol import Engine
from weighbridge.settings.project import Settings


def plan(
    engine: Engine,
    settings: Settings,
    project: Path,
    names: Iterable[str],
    *,
    platforms: Iterable[str] = (),
    no_cache: bool = False,
) -> tuple[BaseImage, tuple[Build, ...]]:
    """Return the base, and what to build on it, with the arguments and labels that all of our builds get.

    Raises:
        NoBaseImage: The engine has no base image.
        SettingsError: SOURCE_DATE_EPOCH is not a time.
    """
    base = bases.base_image(engine, "python", settings.bases.python)
    found = engine.image(base.reference)
    arguments = {labels.BASE_ARGUMENT: base.reference, **labels.arguments(project)}
    if found.digest:
        arguments[labels.DIGEST_ARGUMENT] = found.digest
    # The engine knows the base's layers for its own platform only.
    given = labels.base_layer_labels(found.diff_ids) if are_own(engine, platforms) else {}
    return base, builds(settings, project, names, arguments, given=given, platforms=platforms, no_cache=no_cache)


def builds(
    settings: Settings,
    project: Path,
    variants: Iterable[str],
    arguments: Mapping[str, str],
    *,
    given: Mapping[str, str] | None = None,
    platforms: Iterable[str] = (),
    no_cache: bool = False,
) -> tuple[Build, ...]:
    """Return what to build for these variants; `arguments`, `given` labels and `platforms` are the same for all."""
    wanted = tuple(platforms)
    return tuple(
        Build(
            variant=name,
            reference=settings.reference(name),
            context=project / variant.context,
            dockerfile=project / variant.dockerfile,
            target=variant.target,
            arguments={**arguments, **variant.arguments},
            labels=given or {},
            platforms=wanted,
            no_cache=no_cache,
        )
        for name in variants
        for variant in [settings.variants[name]]
    )
