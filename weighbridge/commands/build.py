"""Builds variants with live progress, and pushes those that pass the smoke test."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from weighbridge.build import buildkit, plan
from weighbridge.build import platforms as platform_names
from weighbridge.commands import publish
from weighbridge.engine import docker_cli
from weighbridge.engine.client import connect
from weighbridge.render.terminal import build_progress, console, smoke_progress
from weighbridge.settings.project import Settings


def run(
    settings: Settings,
    project: Path,
    variants: Sequence[str],
    *,
    platforms: Sequence[str] = (),
    push: str | None = None,
    no_cache: bool = False,
) -> None:
    """Build the named variants, or all of them; with `push`, push each one to its target."""
    names = settings.select_variants(variants)
    targets, wanted = publish.choose_targets(push, names), platform_names.parse(platforms, push=push is not None)
    with connect() as engine:
        with console.show_activity() as shown:
            client, steps = docker_cli.find(), partial(build_progress.show_steps, shown)
            platform_names.check(client, engine, wanted, push=push is not None)
            base, builds = plan.plan_variants(engine, settings, project, names, platforms=wanted, no_cache=no_cache)
            built = [buildkit.build(client, engine, each, steps(each.variant)) for each in builds]
        build_progress.print_built(built, base.described)
        with console.show_activity() as shown:
            watcher, folder = partial(smoke_progress.show_progress, shown), project / settings.reports.directory
            pushed = publish.publish(engine, settings, built, targets, shown=shown, watcher=watcher, folder=folder)
    build_progress.print_facts([(each.variant, each.reference) for each in pushed])
