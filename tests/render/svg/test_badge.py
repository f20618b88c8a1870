"""The badge shows the smallest image that runs, by colour and in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.pictures import BAD, GOOD, SPACE, SUMMARY, drawn, image, report, texts
from weighbridge.model.smoke import Standing
from weighbridge.render.svg import badge
from weighbridge.report.summary import Summary
from weighbridge.report.units import format_size


@given(st.text())
def test_any_name_is_a_name(name: str) -> None:
    """Whatever a variant's name is, the badge is valid XML without markup or control characters from it."""
    summary = Summary(report=report(image(name, 1)))
    assert all(text.isprintable() for text in texts(drawn(badge.render, summary)))


@pytest.mark.parametrize(
    ("standings", "label", "kind"),
    [
        ({"single": BAD, "multi": GOOD}, "multi image", "runs"),
        ({"single": GOOD, "multi": GOOD}, "multi image", "runs"),
        ({"single": BAD}, "multi image", "untried"),
        ({"minimal": BAD, "multi": BAD, "single": BAD}, "minimal image", "fails"),
        ({}, "multi image", "untried"),
    ],
)
def test_badge_is_of_the_smallest_that_runs(standings: dict[str, Standing], label: str, kind: str) -> None:
    """The badge shows the variant to ship, or the smallest one if none runs; words go with the colour."""
    summary = replace(SUMMARY, standings=standings)
    root = drawn(badge.render, summary)
    chosen = badge.choose_image(summary)
    assert chosen
    assert texts(root) == [label, format_size(chosen.shipped_bytes)]
    assert {each.get("class") for each in root.iter(f"{SPACE}rect")} == {"label", kind}
    words = {"runs": "✓ 45 of 45 rules hold", "fails": "✗ 1 of 45 rules fails", "untried": "not tried"}[kind]
    assert root.findtext(f"{SPACE}title") == f"{label}: {format_size(chosen.shipped_bytes)} shipped, smoke test {words}"


def test_badge_without_images() -> None:
    """A report without images has a badge that says so."""
    assert texts(drawn(badge.render, Summary(report=report()))) == ["image", "unknown"]


def test_badge_is_as_wide_as_its_texts() -> None:
    """Texts are as wide as computed, and do not touch."""
    root = drawn(badge.render, SUMMARY)
    left, right = root.iter(f"{SPACE}text")
    begin, length = float(right.get("x", "")), float(right.get("textLength", ""))
    assert float(left.get("x", "")) + float(left.get("textLength", "")) < begin
    assert begin + length < float(root.get("width", ""))
