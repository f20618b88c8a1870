"""Finds out which images a user means: variants of the settings, or images named with their source."""

from __future__ import annotations

import re
from collections.abc import Sequence

from weighbridge.errors import SettingsError
from weighbridge.settings.project import Settings
from weighbridge.sources.locations import DOCKER, Location
from weighbridge.sources.opener import parse

_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)=(?P<place>.+)")


def choose_images(settings: Settings, variants: Sequence[str], images: Sequence[str]) -> dict[str, Location]:
    """Return name in the report -> location of what to weigh: the images that the user named, else the variants.

    An image's name in the report is what the user wrote, or `NAME` for `NAME=SOURCE:REFERENCE`. With a variant's name,
    the variant's budgets apply to an image that was built elsewhere, and a baseline finds it under any tag.

    Raises:
        SettingsError: There is no such variant or source, variants and images are both named, or two images have the
            same name.
    """
    if variants and images:
        raise SettingsError("--variant and --image are both given", advice="Use one of them.")
    if images:
        found = dict[str, Location]()
        for text in images:
            name, place = _split_name(text)
            location = locate_image(settings, place)
            if found.setdefault(name, location) != location:
                raise SettingsError(f"Two images are called {name}", advice="Name each: --image NAME=SOURCE:REFERENCE.")
        return found
    return {name: Location(DOCKER, settings.name_image(name)) for name in settings.select_variants(variants)}


def _split_name(text: str) -> tuple[str, str]:
    """Split `NAME=PLACE`; without such a name, which also a path with an equals sign lacks, the text is both."""
    named = _NAMED.fullmatch(text)
    return (named["name"], named["place"]) if named else (text, text)


def locate_image(settings: Settings, text: str) -> Location:
    """Return the location that a user names: a variant, or an image with its source.

    Raises:
        SettingsError: The text is neither.
    """
    if text in settings.variants:
        return Location(DOCKER, settings.name_image(text))
    try:
        return parse(text)
    except SettingsError as error:
        advice = f"{error.advice.removesuffix('.')}, or a variant: {', '.join(settings.variants)}."
        raise SettingsError(error.message, advice=advice) from error
