"""Tints and shades of one colour: text on them can be read, bars stand out, and categories differ."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.image.categories import CATEGORIES
from weighbridge.render import colours
from weighbridge.render.colours import DARK, LIGHT, Scheme
from weighbridge.render.html import report as html

COLOURS = st.integers(0, 2**24 - 1).map("#{:06x}".format)
SCHEMES = pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    # As WebAIM's contrast checker tells them.
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#767676", 4.54),
        ("#0000ff", "#ffffff", 8.59),
        ("#777777", "#777777", 1),
    ],
)
def test_contrast(one: str, other: str, ratio: float) -> None:
    """Contrast is WCAG's, whichever colour comes first."""
    assert colours.measure_contrast(one, other) == pytest.approx(ratio, abs=0.005)
    assert colours.measure_contrast(other, one) == colours.measure_contrast(one, other)


@given(COLOURS, st.sampled_from([LIGHT, DARK]))
def test_any_colour_is_readable(colour: str, scheme: Scheme) -> None:
    """Whatever colour a row has, text on its area has AA's contrast, and its bar that of a shape."""
    area, bar = colours.compute_area(colour, scheme), colours.compute_bar(colour, scheme)
    assert colours.measure_contrast(area, scheme.ink) >= 4.5
    assert colours.measure_contrast(bar, scheme.page) >= 3
    assert re.fullmatch("#[0-9a-f]{6}", area)
    assert re.fullmatch("#[0-9a-f]{6}", bar)


@given(COLOURS)
def test_a_bar_that_stands_out_keeps_its_colour(colour: str) -> None:
    """A colour is changed only where it has to be."""
    if colours.measure_contrast(colour, LIGHT.page) >= 3:
        assert colours.compute_bar(colour, LIGHT) == colour


@SCHEMES
def test_categories_differ(scheme: Scheme) -> None:
    """No two categories have areas or bars that look alike: they are some steps apart in red, green or blue."""
    for found in (colours.compute_areas(scheme), colours.compute_bars(scheme)):
        assert found.keys() == CATEGORIES.keys()
        for one, other in combinations(found, 2):
            pairs = zip(bytes.fromhex(found[one][1:]), bytes.fromhex(found[other][1:]), strict=True)
            assert sum(abs(a - b) for a, b in pairs) >= 24, (one, other)


@SCHEMES
def test_schemes_are_the_pages(scheme: Scheme) -> None:
    """The page's own style writes with that ink on that page."""
    style = Path(html.__file__).with_name("style.css").read_text(encoding="utf-8")
    assert f"--page: {scheme.page}; --ink: {scheme.ink};" in style
