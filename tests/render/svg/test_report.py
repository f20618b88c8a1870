"""The picture is XML with all its data as text; it fits its frame and loads nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.pictures import BAD, GOOD, IMAGES, SPACE, SUMMARY, drawn, image, report, texts
from weighbridge.image.categories import CATEGORIES
from weighbridge.model.report import Image, LedgerRow, Waste, WasteCause
from weighbridge.model.smoke import Standing
from weighbridge.render import overview
from weighbridge.render.svg import report as svg
from weighbridge.report import advice, baseline
from weighbridge.report.summary import Summary


@pytest.mark.parametrize("standing", [GOOD, BAD, replace(GOOD, waived=12), replace(BAD, failed=("api live",) * 12)])
def test_smoke_is_told_whole(standing: Standing) -> None:
    """The result of the smoke test fits its column."""
    table = drawn(svg.render, replace(SUMMARY, standings={"single": standing}))
    assert overview.describe_standing(standing) in [text.text for text in table.iter(f"{SPACE}text")]


def test_picture_says_everything_in_texts() -> None:
    """The advice, the table, the bars with their sizes and the legend are texts."""
    assert texts(drawn(svg.render, SUMMARY)) == [
        "What each variant weighs",
        "measured 2026-11-24",
        f"Ship multi: 45 of 45 smoke rules hold. {advice.explain_choice(SUMMARY)}",
        *("Variant", "Shipped", "Pull", "Over base", "Waste", "API ready", "Smoke"),
        *("single", "480 MB", "~133 MB", "400 MB", "0 B", "–", "✗ 1 of 45 rules fails"),  # noqa: RUF001 - the dash of the output
        *("multi", "120 MB", "~13.3 MB", "40.0 MB", "0 B", "0.4 s", "✓ 45 of 45 rules hold"),
        *("minimal", "60.0 MB", "~20.0 MB", "60.0 MB", "0 B", "–", "not tried"),  # noqa: RUF001 - as above
        *("single", "480 MB", "multi", "120 MB", "minimal", "60.0 MB"),
        *("base image", "Python packages"),
    ]


def test_picture_is_told_to_who_cannot_see_it() -> None:
    """Title and description contain the figures, for screen readers."""
    root = drawn(svg.render, SUMMARY)
    assert root.get("role") == "img"
    assert root.findtext(f"{SPACE}title") == "What each variant weighs"
    description = root.findtext(f"{SPACE}desc") or ""
    assert (
        "multi: Shipped 120 MB, Pull ~13.3 MB, Over base 40.0 MB, Waste 0 B, API ready 0.4 s, "
        "Smoke ✓ 45 of 45 rules hold." in description
    )
    assert (root.get("aria-label") or "").endswith(description)


def test_picture_tells_what_grew() -> None:
    """With a baseline, the cause of growth is below the title."""
    after = replace(SUMMARY.report, images=(image("multi", 52_000_000),))
    since = baseline.compare(SUMMARY.report, after, "main")
    told = texts(drawn(svg.render, Summary(report=after, baseline=since)))
    assert told[2] == "multi grew by 12.0 MB because of numpy 2.1 (+12.0 MB)."


def test_bars_are_as_long_as_what_they_show() -> None:
    """Parts of a bar have the proportions of their bytes, and touch each other."""
    bars = [each for each in drawn(svg.render, SUMMARY).iter(f"{SPACE}rect") if each.find(f"{SPACE}title") is not None]
    told = [(each.get("class"), each.findtext(f"{SPACE}title")) for each in bars]
    assert told == [
        ("c-base", "base image 80.0 MB"),
        ("c-python", "Python packages 400 MB"),
        ("c-base", "base image 80.0 MB"),
        ("c-python", "Python packages 40.0 MB"),
        ("c-python", "Python packages 60.0 MB"),
    ]
    widths = [float(each.get("width", "")) for each in bars]
    scale = widths[0] / 80
    assert widths == pytest.approx([80 * scale, 400 * scale, 80 * scale, 40 * scale, 60 * scale], abs=0.02)
    assert float(bars[1].get("x", "")) == pytest.approx(float(bars[0].get("x", "")) + widths[0], abs=0.02)


def test_bars_without_a_ledger() -> None:
    """Without a ledger a bar has one part; without bytes it has none."""
    bare = replace(IMAGES[0], ledger=())
    empty = replace(image("empty", 0, 0), ledger=())
    told = texts(drawn(svg.render, Summary(report=report(bare, empty))))
    assert told[-3:] == ["empty", "0 B", "not broken down"]


@pytest.mark.parametrize("count", [0, 1, 12, 13, 40])
def test_picture_has_room_for_all_that_it_shows(count: int) -> None:
    """Everything is inside the frame; variants beyond twelve are counted."""
    root = drawn(svg.render, Summary(report=report(*(image(f"variant-{n}", 1_000 * n) for n in range(count)))))
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    assert width == 800
    for each in (*root.iter(f"{SPACE}text"), *root.iter(f"{SPACE}rect")):
        assert 0 <= float(each.get("x", "")) + float(each.get("width", "0")) <= width
        assert 0 <= float(each.get("y", "")) <= height - float(each.get("height", "0"))
    assert any(f"and {count - 12} more variant" in text for text in texts(root)) is (count > 12)


def test_legend_breaks_into_lines() -> None:
    """An image with bytes of every category has all of them named, each once, in lines that fit the width."""
    rows = tuple(LedgerRow(category=name, name="x", version=None, bytes=1000) for name in CATEGORIES)
    whole = replace(image("all", 0, 0), ledger=rows, shipped_bytes=1000 * len(rows))
    root = drawn(svg.render, Summary(report=report(whole)))
    titles = [category.title for category in CATEGORIES.values()]
    legend = [each for each in root.iter(f"{SPACE}text") if each.text in titles]
    assert [each.text for each in legend] == titles
    assert len({each.get("y") for each in legend}) > 1
    for each in legend:  # 7.2 pixels for a letter of 13 pixels are plenty
        assert float(each.get("x", "")) + 7.2 * len(each.text or "") < float(root.get("width", "")) - 24
        assert float(each.get("y", "")) < float(root.get("height", ""))


@given(st.text())
def test_any_name_is_a_name(name: str) -> None:
    """Whatever a variant's name is, the picture is valid XML without markup or control characters from it."""
    summary = Summary(report=report(image(name, 1)))
    assert all(text.isprintable() for text in texts(drawn(svg.render, summary)))


def test_long_names_stay_apart() -> None:
    """Names with the same start stay distinct, and leave room for the table and the bars."""
    names = [f"variant-{number}-of-ten" for number in range(3)]
    root = drawn(svg.render, Summary(report=report(*(image(name, 30_000_000) for name in names))))
    found = texts(root)
    assert [found.count(name) for name in names] == [2, 2, 2]
    bars = [each for each in root.iter(f"{SPACE}rect") if each.find(f"{SPACE}title") is not None]
    assert min(float(each.get("x") or 0) for each in bars) >= 24 + 7 * len(names[0])
    assert max(float(each.get("x") or 0) + float(each.get("width") or 0) for each in bars) < 800 - 24


def test_remedy_is_of_the_variant_that_is_told() -> None:
    """Growth is reported before larger shrinking, and the remedy is that of the same variant."""
    causes: list[tuple[WasteCause, int, str]] = [
        ("metadata-only", 9_000_000, "Use COPY --chown."),
        ("replaced", 1_000_000, "Look."),
    ]
    waste = [
        Waste(cause=why, bytes=size, shipped_by=0, killed_by=1, path="/x", remedy=remedy, file_count=1)
        for why, size, remedy in causes
    ]
    grown, shrunk = image("grown", 30_000_000), image("shrunk", 30_000_000)
    more = LedgerRow(category="wasted", name="metadata-only", version=None, bytes=9_000_000)
    less, much = (
        LedgerRow(category="wasted", name="replaced", version=None, bytes=size) for size in (1_000_000, 50_000_000)
    )
    before = report(grown, _with(shrunk, much))
    after = report(_with(grown, more, waste[0]), _with(shrunk, less, waste[1]))
    found = texts(drawn(svg.render, Summary(report=after, baseline=baseline.compare(before, after, "main"))))
    told = " ".join(found[2:4])
    assert "grown grew by 9.00 MB" in told
    assert "Use COPY --chown." in told
    assert "Look." not in told


def _with(found: Image, row: LedgerRow, *waste: Waste) -> Image:
    return replace(
        found, shipped_bytes=found.shipped_bytes + row.bytes, ledger=(*found.ledger, row), waste=tuple(waste)
    )
