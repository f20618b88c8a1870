"""The picture and the badge: XML that says everything in texts, fits its frame and holds nothing from outside."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import TextIO
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.model.report import Base, Image, Layer, LedgerRow, Pull, Report, Waste
from weighbridge.model.smoke import Standing, StartCosts
from weighbridge.render import overview
from weighbridge.render.svg import badge
from weighbridge.render.svg import report as svg
from weighbridge.report import advice, baseline
from weighbridge.report.summary import Summary
from weighbridge.report.units import size

SPACE = "{http://www.w3.org/2000/svg}"
GOOD = Standing(ok=True, at="2026-11-24T09:00:00Z", rules=45, failed=(), figures=StartCosts(api_ready_seconds=0.41))
BAD = Standing(ok=False, at="2026-11-24T09:00:00Z", rules=45, failed=("api live",))


def image(variant: str, own: int, base: int = 80_000_000) -> Image:
    """Return an image of one layer."""
    layer = Layer(
        index=0, diff_id=f"sha256:{own}", instruction="COPY", in_base=False, shipped_bytes=base + own, file_count=1
    )
    return Image(
        variant=variant,
        reference=variant,
        source="docker",
        id=f"sha256:{own}",
        platform="linux/amd64",
        shipped_bytes=base + own,
        file_count=1,
        base=Base(reference="python:3.13", layers=0, shipped_bytes=base),
        layers=(layer,),
        wasted_bytes=0,
        pull=Pull(bytes=own // 3, basis="estimated"),
        ledger=(
            LedgerRow(category="base", name="libc6", version="2.41", bytes=base),
            LedgerRow(category="python", name="numpy", version="2.1", bytes=own),
        ),
    )


def report(*images: Image) -> Report:
    """Return a report."""
    return Report(recorded_at="2026-11-24T10:00:00Z", commit=None, dirty=False, engine=None, images=images)


IMAGES = image("single", 400_000_000), image("multi", 40_000_000), image("minimal", 60_000_000, 0)
SUMMARY = Summary(report=report(*IMAGES), standings={"single": BAD, "multi": GOOD})


def drawn(render: Callable[[Summary, TextIO], None], summary: Summary) -> ET.Element:
    """Return the root of the picture, and see that it is XML in ASCII that asks for nothing."""
    stream = io.StringIO()
    render(summary, stream)
    text = stream.getvalue()
    assert text.isascii()
    root = ET.fromstring(text)  # noqa: S314 - our own document
    for element in root.iter():
        assert element.tag.removeprefix(SPACE) in {"svg", "title", "desc", "style", "rect", "line", "text"}
        assert not {name for name in element.attrib if "href" in name or name.startswith("on")}
    (style,) = root.findall(f"{SPACE}style")
    assert "url(" not in (style.text or "")
    assert "@import" not in (style.text or "")
    return root


@pytest.mark.parametrize("standing", [GOOD, BAD, replace(GOOD, waived=12), replace(BAD, failed=("api live",) * 12)])
def test_smoke_is_told_whole(standing: Standing) -> None:
    """How many rules hold, fail or are waived fits its column."""
    table = drawn(svg.render, replace(SUMMARY, standings={"single": standing}))
    assert overview.stood(standing) in [text.text for text in table.iter(f"{SPACE}text")]


def texts(root: ET.Element) -> list[str]:
    """Return what stands in the picture."""
    return [element.text or "" for element in root.iter(f"{SPACE}text")]


def test_picture_says_everything_in_texts() -> None:
    """Advice, head, a row of answers for each variant, then its bar and size, then what the colours mean."""
    assert texts(drawn(svg.render, SUMMARY)) == [
        "What each variant weighs",
        "measured 2026-11-24",
        f"Ship multi. {advice.reason(SUMMARY)}",
        *("Variant", "Shipped", "Pull", "Over base", "Waste", "API ready", "Smoke"),
        *("single", "480 MB", "~133 MB", "400 MB", "0 B", "–", "✗ 1 of 45 fail"),  # noqa: RUF001 - the dash of the output
        *("multi", "120 MB", "~13.3 MB", "40.0 MB", "0 B", "0.4 s", "✓ 45 rules"),
        *("minimal", "60.0 MB", "~20.0 MB", "60.0 MB", "0 B", "–", "not tried"),  # noqa: RUF001 - as above
        *("single", "480 MB", "multi", "120 MB", "minimal", "60.0 MB"),
        *("base image", "Python packages"),
    ]


def test_picture_is_told_to_who_cannot_see_it() -> None:
    """Title and description hold the figures, too."""
    root = drawn(svg.render, SUMMARY)
    assert root.get("role") == "img"
    assert root.findtext(f"{SPACE}title") == "What each variant weighs"
    description = root.findtext(f"{SPACE}desc") or ""
    assert (
        "multi: Shipped 120 MB, Pull ~13.3 MB, Over base 40.0 MB, Waste 0 B, API ready 0.4 s, Smoke ✓ 45 rules."
        in description
    )
    assert (root.get("aria-label") or "").endswith(description)


def test_picture_tells_what_grew() -> None:
    """With a baseline, the cause stands below the title."""
    after = replace(SUMMARY.report, images=(image("multi", 52_000_000),))
    since = baseline.compare(SUMMARY.report, after, "main")
    told = texts(drawn(svg.render, Summary(report=after, baseline=since)))
    assert told[2] == "multi grew by 12.0 MB because of numpy 2.1 (+12.0 MB)."


def test_bars_are_as_long_as_what_they_show() -> None:
    """Parts have the proportions of their bytes, and the parts of a bar touch each other."""
    bars = [each for each in drawn(svg.render, SUMMARY).iter(f"{SPACE}rect") if each.find(f"{SPACE}title") is not None]
    told = [(each.get("class"), each.findtext(f"{SPACE}title")) for each in bars]
    assert told == [
        ("base", "base image 80.0 MB"),
        ("python", "Python packages 400 MB"),
        ("base", "base image 80.0 MB"),
        ("python", "Python packages 40.0 MB"),
        ("python", "Python packages 60.0 MB"),
    ]
    widths = [float(each.get("width", "")) for each in bars]
    scale = widths[0] / 80
    assert widths == pytest.approx([80 * scale, 400 * scale, 80 * scale, 40 * scale, 60 * scale], abs=0.02)
    assert float(bars[1].get("x", "")) == pytest.approx(float(bars[0].get("x", "")) + widths[0], abs=0.02)


def test_bars_without_a_ledger() -> None:
    """An image that is not broken down has a bar of one part; one of no bytes has none."""
    bare = replace(IMAGES[0], ledger=())
    empty = replace(image("empty", 0, 0), ledger=())
    told = texts(drawn(svg.render, Summary(report=report(bare, empty))))
    assert told[-3:] == ["empty", "0 B", "not broken down"]


@pytest.mark.parametrize("count", [0, 1, 12, 13, 40])
def test_picture_has_room_for_all_that_it_shows(count: int) -> None:
    """Everything lies within the frame; variants beyond twelve are counted."""
    root = drawn(svg.render, Summary(report=report(*(image(f"variant-{n}", 1_000 * n) for n in range(count)))))
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    assert width == 800
    for each in (*root.iter(f"{SPACE}text"), *root.iter(f"{SPACE}rect")):
        assert 0 <= float(each.get("x", "")) + float(each.get("width", "0")) <= width
        assert 0 <= float(each.get("y", "")) <= height - float(each.get("height", "0"))
    assert any(f"and {count - 12} more variant" in text for text in texts(root)) is (count > 12)


@given(st.text())
def test_any_name_is_a_name(name: str) -> None:
    """Whatever a variant is called, both are XML, without markup or control codes of its own."""
    summary = Summary(report=report(image(name, 1)))
    for render in (svg.render, badge.render):
        root = drawn(render, summary)
        assert all(text.isprintable() for text in texts(root))


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
    """The variant that the report says to ship, or where none runs the smallest; the colour goes with words."""
    summary = replace(SUMMARY, standings=standings)
    root = drawn(badge.render, summary)
    chosen = badge.chosen(summary)
    assert chosen
    assert texts(root) == [label, size(chosen.shipped_bytes)]
    assert {each.get("class") for each in root.iter(f"{SPACE}rect")} == {"label", kind}
    words = {"runs": "✓ 45 rules", "fails": "✗ 1 of 45 fail", "untried": "not tried"}[kind]
    assert root.findtext(f"{SPACE}title") == f"{label}: {size(chosen.shipped_bytes)} shipped, smoke test {words}"


def test_badge_without_images() -> None:
    """A report without images has a badge that says so."""
    assert texts(drawn(badge.render, Summary(report=report()))) == ["image", "unknown"]


def test_badge_is_as_wide_as_its_texts() -> None:
    """Texts are drawn as long as they were counted, and do not touch."""
    root = drawn(badge.render, SUMMARY)
    left, right = root.iter(f"{SPACE}text")
    begin, length = float(right.get("x", "")), float(right.get("textLength", ""))
    assert float(left.get("x", "")) + float(left.get("textLength", "")) < begin
    assert begin + length < float(root.get("width", ""))


def test_long_names_stay_apart() -> None:
    """Names that begin alike are told whole, and leave the table and the bars room."""
    names = [f"variant-{number}-of-ten" for number in range(3)]
    root = drawn(svg.render, Summary(report=report(*(image(name, 30_000_000) for name in names))))
    found = texts(root)
    assert [found.count(name) for name in names] == [2, 2, 2]
    bars = [each for each in root.iter(f"{SPACE}rect") if each.find(f"{SPACE}title") is not None]
    assert min(float(each.get("x") or 0) for each in bars) >= 24 + 7 * len(names[0])
    assert max(float(each.get("x") or 0) + float(each.get("width") or 0) for each in bars) < 800 - 24


def test_remedy_is_of_the_variant_that_is_told() -> None:
    """What grew is told before what shrank by more, and so is what to do about it."""
    waste = [
        Waste(cause=why, bytes=size, shipped_by=0, killed_by=1, path="/x", remedy=remedy, file_count=1)
        for why, size, remedy in (("metadata-only", 9_000_000, "Use COPY --chown."), ("replaced", 1_000_000, "Look."))
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
