"""Plans the builds of variants: the same arguments for all, and labels that say what each stands on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from weighbridge.build import base_labels, bases, labels
from weighbridge.build.bases import BaseImage
from weighbridge.build.buildkit import Build
from weighbridge.build.replacement import Replacements
from weighbridge.engine.protocol import Engine
from weighbridge.settings.project import Settings


def plan_variants(
    engine: Engine,
    settings: Settings,
    project: Path,
    names: Iterable[str],
    *,
    platforms: Iterable[str] = (),
    no_cache: bool = False,
    replacements: Replacements | None = None,
) -> tuple[BaseImage, tuple[Build, ...]]:
    """Return the base, and what to build on it, with the arguments and labels that all of our builds get.

    Args:
        engine: The engine that has the base.
        settings: Those of the project.
        project: Its folder.
        names: The variants.
        platforms: Of the builds; empty: the engine's own.
        no_cache: Whether every step runs again.
        replacements: Finds stand-ins for images in a FROM; None: only those that the engine already has.

    Raises:
        NoBaseImage: The engine has no base image, or one in a FROM can neither be pulled nor replaced.
        SettingsError: SOURCE_DATE_EPOCH is not a time.
    """
    base = bases.find_base_image(engine, "python", settings.bases.python)
    arguments = {labels.BASE_ARGUMENT: base.reference, **labels.collect_arguments(project)}
    wanted = plan_builds(settings, project, names, arguments, platforms=platforms, no_cache=no_cache)
    found = replacements or Replacements(engine)
    return base, tuple(_complete(engine, replace(each, others=found.find(each))) for each in wanted)


def _complete(engine: Engine, wanted: Build) -> Build:
    """Return a build with the labels that tell its base."""
    told = base_labels.describe_base(
        engine, wanted.dockerfile, wanted.target, wanted.arguments, wanted.platforms, others=wanted.others
    )
    return replace(wanted, labels=told)


def plan_builds(
    settings: Settings,
    project: Path,
    variants: Iterable[str],
    arguments: Mapping[str, str],
    *,
    platforms: Iterable[str] = (),
    no_cache: bool = False,
) -> tuple[Build, ...]:
    """Return what to build for these variants; `arguments` and `platforms` are the same for all."""
    wanted = tuple(platforms)
    return tuple(
        Build(
            variant=name,
            reference=settings.name_image(name),
            context=project / variant.context,
            dockerfile=project / variant.dockerfile,
            target=variant.target,
            arguments={**arguments, **variant.arguments},
            platforms=wanted,
            no_cache=no_cache,
        )
        for name in variants
        for variant in [settings.variants[name]]
    )
