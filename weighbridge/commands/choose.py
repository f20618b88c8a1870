"""Which images a user means: variants of the settings, or images named with their source."""

from __future__ import annotations

import re
from collections.abc import Sequence

from weighbridge.errors import SettingsError
from weighbridge.settings.project import Settings
from weighbridge.sources.locations import DOCKER, Location
from weighbridge.sources.opener import parse

_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)=(?P<place>.+)")


def wanted(settings: Settings, variants: Sequence[str], images: Sequence[str]) -> dict[str, Location]:
    """Return what to weigh, by the name that the report calls it: the images named, else the variants.

    An image is called as the user wrote it, or `NAME` where that was `NAME=SOURCE:REFERENCE`. So a variant's budgets
    hold for an image that was built elsewhere, and a baseline has it under one name whatever its tag is.

    Raises:
        SettingsError: A variant or a location is none, both are named, or two images have one name.
    """
    if variants and images:
        raise SettingsError("--variant and --image are both given", advice="Use one of them.")
    if images:
        found = dict[str, Location]()
        for text in images:
            name, place = _named(text)
            location = located(settings, place)
            if found.setdefault(name, location) != location:
                raise SettingsError(f"Two images are called {name}", advice="Name each: --image NAME=SOURCE:REFERENCE.")
        return found
    return {name: Location(DOCKER, settings.reference(name)) for name in settings.chosen(variants)}


def _named(text: str) -> tuple[str, str]:
    """Return an image's name in the report and where it is; a sign of equality may stand in a path, too."""
    named = _NAMED.fullmatch(text)
    return (named["name"], named["place"]) if named else (text, text)


def located(settings: Settings, text: str) -> Location:
    """Return the location that a user names, by a variant's name or with its source.

    Raises:
        SettingsError: It is neither.
    """
    if text in settings.variants:
        return Location(DOCKER, settings.reference(text))
    try:
        return parse(text)
    except SettingsError as error:
        advice = f"{error.advice.removesuffix('.')}, or a variant: {', '.join(settings.variants)}."
        raise SettingsError(error.message, advice=advice) from error
