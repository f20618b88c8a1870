"""The tints and shades of a category's one colour: areas that carry text, and bars, in light and dark.

Contrast is that of WCAG 2: text on an area has at least 4.5 (1.4.3, AA), and a bar on its page at least 3 (1.4.11).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.image.categories import CATEGORIES

TEXT_CONTRAST, SHAPE_CONTRAST = 4.5, 3.0
_STEPS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """What a page is drawn with. Colours are `#rrggbb`."""

    page: str
    ink: str
    """Of text."""
    strength: int
    """How much of a category's colour an area has at most, in hundredths; the page is the rest."""


LIGHT = Scheme(page="#ffffff", ink="#14181d", strength=36)
DARK = Scheme(page="#14181d", ink="#eef1f5", strength=52)


def compute_area(colour: str, scheme: Scheme) -> str:
    """Return a colour for areas that text in the scheme's ink can be read on."""
    for share in range(scheme.strength, 0, -1):
        found = mix(colour, scheme.page, share)
        if measure_contrast(found, scheme.ink) >= TEXT_CONTRAST:
            return found
    return scheme.page


def compute_bar(colour: str, scheme: Scheme) -> str:
    """Return a colour for bars that stand out from the scheme's page, as near to the given one as can be."""
    for share in range(_STEPS, 0, -1):
        found = mix(colour, scheme.ink, share)
        if measure_contrast(found, scheme.page) >= SHAPE_CONTRAST:
            return found
    return scheme.ink


def compute_areas(scheme: Scheme) -> Mapping[str, str]:
    """Return the areas' colours of all categories."""
    return {name: compute_area(category.colour, scheme) for name, category in CATEGORIES.items()}


def compute_bars(scheme: Scheme) -> Mapping[str, str]:
    """Return the bars' colours of all categories."""
    return {name: compute_bar(category.colour, scheme) for name, category in CATEGORIES.items()}


def mix(colour: str, other: str, share: int) -> str:
    """Return so many hundredths of a colour with the rest of another."""
    pairs = zip(_split_channels(colour), _split_channels(other), strict=True)
    return "#" + "".join(f"{round((one * share + two * (_STEPS - share)) / _STEPS):02x}" for one, two in pairs)


def measure_contrast(colour: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted((_compute_luminance(colour), _compute_luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _compute_luminance(colour: str) -> float:
    """Return the relative luminance, as WCAG 2 defines it for sRGB."""
    shares = [channel / 255 for channel in _split_channels(colour)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB's own numbers
        for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _split_channels(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))
