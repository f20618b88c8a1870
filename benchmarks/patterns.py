"""Builds the images to compare: the project's variants, and the patterns that people would use instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from weighbridge.build import base_labels, buildkit, removal
from weighbridge.build import labels as build_labels
from weighbridge.build import plan as build_plan
from weighbridge.build.bases import BaseImage
from weighbridge.build.buildkit import Build
from weighbridge.engine.docker_cli import BuildClient
from weighbridge.engine.protocol import Engine
from weighbridge.errors import BuildFailed, EngineError, SettingsError
from weighbridge.settings.project import Settings

FOLDER = Path(__file__).with_name("dockerfiles")
NAMES = ("seed", "uv", "template", "plain", "distroless")
"""Names of Dockerfiles in the folder. The first lines of each say whose pattern it follows and what was adapted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One image to compare."""

    name: str
    is_ours: bool
    """Whether it is a variant of the project and not a pattern."""
    build: Build

    @property
    def reference(self) -> str:
        """Name and tag."""
        return self.build.reference


def plan(engine: Engine, settings: Settings, project: Path) -> tuple[BaseImage, tuple[Subject, ...]]:
    """Return the base, and what to build on it: all variants, then all patterns, under names of the bench's own.

    Raises:
        NoBaseImage: The engine has no base image.
        SettingsError: A variant has the name of a pattern.
    """
    clash = sorted(set(settings.variants) & set(NAMES))
    if clash:
        raise SettingsError(
            f"{', '.join(clash)} is the name of a variant and also of a pattern", advice="Rename the variant."
        )
    base, ours = build_plan.plan_variants(engine, settings, project, settings.variants)
    theirs = [_plan_pattern(engine, name, project, base.reference) for name in NAMES]
    named = [replace(each, reference=f"{settings.bench_repository}:{each.variant}") for each in (*ours, *theirs)]
    return base, tuple(
        Subject(name=each.variant, is_ours=each.variant in settings.variants, build=each) for each in named
    )


def _plan_pattern(engine: Engine, name: str, project: Path, base: str) -> Build:
    dockerfile, arguments = FOLDER / f"{name}.Dockerfile", {build_labels.BASE_ARGUMENT: base}
    return Build(
        variant=name,
        reference="",
        context=project,
        dockerfile=dockerfile,
        arguments=arguments,
        labels=base_labels.describe_base(engine, dockerfile, None, arguments),
    )


@contextmanager
def build_images(
    client: BuildClient,
    engine: Engine,
    settings: Settings,
    wanted: Sequence[Subject],
    on_build: Callable[[str], object],
) -> Iterator[tuple[tuple[Subject, ...], Mapping[str, str]]]:
    """Build the images, and remove them at the end of the block, with any that an earlier comparison has left.

    Yields the images that could be built, and pattern -> reason for those that could not.

    Raises:
        BuildFailed: A variant could not be built.
    """
    found, faults = list[Subject](), dict[str, str]()
    try:
        for each in wanted:
            on_build(each.name)
            try:
                buildkit.build(client, engine, each.build)
            except BuildFailed as error:
                if each.is_ours:
                    raise
                faults[each.name] = error.message
            else:
                found.append(each)
        yield tuple(found), faults
    finally:
        with suppress(EngineError):  # the next comparison, or `invoke clean`, finds them in the record of builds
            removal.remove_built(engine, {settings.bench_repository})
