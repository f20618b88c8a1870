"""Prints what the settings amount to. Whoever gets here has settings that fit: opening the project checks them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from weighbridge.render.terminal import console
from weighbridge.settings.budgets import Limits
from weighbridge.settings.project import Settings


def run(settings: Settings, notes: Sequence[str] = ()) -> None:
    """Print a line for each part of the settings, after what was guessed or left out of compose files."""
    for note in notes:
        console.say(note)
    for title, names in _describe(settings):
        console.print_line(f"{title:<10}{', '.join(names) or 'none'}")


def _describe(settings: Settings) -> Iterator[tuple[str, Iterable[str]]]:
    yield "Variants", (settings.name_image(name) for name in settings.variants)
    yield "Roles", (f"{name} ({role.kind})" for name, role in settings.roles.items())
    yield "First", settings.smoke.before
    yield "Services", (f"{name} ({service.image})" for name, service in settings.services.items())
    yield "Probes", (probe.rule for probe in settings.smoke.probes)
    yield "Profile", [settings.smoke.profile]
    yield "Budgets", (name for name in settings.variants if settings.budgets.get_limits(name) != Limits())
