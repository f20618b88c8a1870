"""The HTML report in a real browser: zooming, searching, sorting, by mouse and by keys, and without scripts."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped] # it has no stubs
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from weighbridge.report.units import format_size

pytestmark = [pytest.mark.services]

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 400, "height": 800}


def place(page: Page) -> str:
    """Return where in the map the page is: the last part of the path."""
    return page.locator("#zoom-path [aria-current]").inner_text()


def tile(page: Page, name: str) -> Any:
    """Return the map's tile of that name."""
    return page.locator(f'#zoom-tiles button[aria-label^="{name}"]')


def focused(page: Page) -> str:
    """Return what the focused element is called."""
    label: str = page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent")
    return label


def test_clicks_zoom_in_and_the_path_leads_out(opened: Open) -> None:
    """From the image to a file's folder and back, with the place told at every step."""
    page = opened(viewport=WIDE)
    assert place(page) == "multi 90.0 MB"
    tile(page, "1: COPY redis").click()
    assert place(page) == "1: COPY redis 20.0 MB"
    tile(page, "orm").click()
    assert place(page) == "orm 12.0 MB"
    assert [each.inner_text() for each in page.locator("#zoom-path button").all()] == [
        "multi",
        "1: COPY redis",
        "redis 8.0",
    ]
    tile(page, "query.py").click()
    expect(page.locator("#zoom-told")).to_have_text("query.py: 3.00 MB, 3.3 %, Python packages")
    page.locator("#zoom-path button", has_text="multi").click()
    assert place(page) == "multi 90.0 MB"


def test_tiles_are_as_large_as_their_bytes(opened: Open) -> None:
    """The layout's areas are in the ratio of the bytes, as far as headers let them."""
    page = opened(viewport=WIDE)
    areas = {}
    for name in ("0: ADD", "1: COPY"):
        group = page.locator(f'#zoom-tiles .group:has(+ button[aria-label^="{name}"])')
        box = (group if group.count() else tile(page, name)).bounding_box()
        assert box
        areas[name] = box["width"] * box["height"]
    assert areas["0: ADD"] / areas["1: COPY"] == pytest.approx(70 / 20, rel=0.03)


def test_keyboard_alone(opened: Open) -> None:
    """One stop for the map, arrows inside it, Enter in, Escape out to where one was."""
    page = opened(viewport=WIDE)
    assert page.locator('#zoom-tiles button[tabindex="0"]').count() == 1
    page.locator("#zoom-map").focus()
    page.keyboard.press("Tab")
    assert focused(page).startswith("0: ADD root.tar /: 70.0 MB, 78 %, base image")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    assert focused(page).startswith("1: COPY redis: 20.0 MB, 22 %, Python packages, 1 part")
    expect(page.locator("#zoom-told")).to_have_text(focused(page))
    page.keyboard.press("Enter")
    assert place(page) == "1: COPY redis 20.0 MB"
    page.keyboard.press("Enter")
    assert place(page) == "redis 8.0 20.0 MB"
    page.keyboard.press("Escape")
    assert (place(page), focused(page).partition(":")[0]) == ("1: COPY redis 20.0 MB", "redis 8.0")
    page.keyboard.press("Escape")
    assert focused(page).startswith("1: COPY redis")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#zoom-tiles')") is None


def test_table_tells_the_same_as_the_map(opened: Open) -> None:
    """Its rows are the parts of the place, which lead further in, too."""
    page = opened(viewport=WIDE)
    page.locator("#zoom-table summary").click()
    rows = page.locator("#zoom-table tbody tr")
    assert rows.all_inner_texts() == [
        "0: ADD root.tar /\tbase image\t70.0 MB\t78 %",
        "1: COPY redis\tPython packages\t20.0 MB\t22 %",
    ]
    rows.nth(1).get_by_role("button").click()
    assert place(page) == "1: COPY redis 20.0 MB"


def test_another_map_can_be_chosen(opened: Open) -> None:
    """Each variant has its own, by owner for all."""
    page = opened(viewport=WIDE)
    page.locator("#zoom-map").select_option(label="single redis, by owner")
    assert place(page) == "single redis 160 MB"
    tile(page, "base image").click()
    assert place(page) == "base image 70.0 MB"


def test_search_shows_what_has_all_words_and_sums_it(opened: Open) -> None:
    """Case does not count; what is found is counted and summed by variant."""
    page = opened(viewport=WIDE)
    page.get_by_label("Search").fill("PYTHON red")
    visible = page.locator("#ledger tbody tr:visible")
    expect(visible).to_have_count(1)
    expect(page.locator("#search-told")).to_have_text("1 of 5 owners: single redis 85.0 MB, multi 15.0 MB")
    page.get_by_label("Search").fill("no such owner")
    expect(visible).to_have_count(0)
    page.get_by_label("Search").fill("")
    expect(visible).to_have_count(5)


def test_columns_sort_both_ways(opened: Open) -> None:
    """Bytes by their value, the largest first; names by their letters."""
    page = opened(viewport=WIDE)

    def column(number: int) -> list[str]:
        return page.locator(f"#ledger tbody tr > :nth-child({number})").all_inner_texts()

    page.locator("#ledger").get_by_role("button", name="multi").click()
    assert column(5) == ["60.0 MB", "15.0 MB", "10.0 MB", "3.00 MB", "2.00 MB"]
    page.keyboard.press("Enter")
    assert column(5) == ["2.00 MB", "3.00 MB", "10.0 MB", "15.0 MB", "60.0 MB"]
    assert page.locator("#ledger th[aria-sort]").all_inner_texts() == ["multi"]
    page.locator("#ledger").get_by_role("button", name="Name").click()
    assert column(2) == sorted(column(2), key=lambda name: name.strip("/"))


def test_sizes_are_written_as_everywhere(opened: Open) -> None:
    """The script's `12.3 MB` is that of the other formats."""
    page = opened(viewport=WIDE)
    script = page.locator("script").last.text_content() or ""
    for count in (0, 1, 999, 1000, 9995, 99_949, 99_950, 999_499, 999_500, 12_345_678, 10**9, 123 * 10**15):
        page.evaluate(WEIGHING, count)
        page.evaluate(script)
        assert place(page).endswith(f" {format_size(count)}")


WEIGHING = """(count) => {
    const data = document.getElementById("data"), told = JSON.parse(data.textContent);
    told.maps[0].root = ["", count, ""];
    data.textContent = JSON.stringify(told);
    document.getElementById("zoom-map").value = "0";
}"""
"""Gives the first map another weight."""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_no_violation(opened: Open, scheme: Scheme, viewport: dict[str, int]) -> None:
    """At the top of the map, deep in it, and with all that can be unfolded unfolded."""
    page = opened(viewport=viewport, color_scheme=scheme)
    first = Axe().run(page)
    assert {"color-contrast", "button-name", "aria-allowed-attr"} <= {each["id"] for each in first.response["passes"]}
    assert first.response["violations"] == [], first.generate_report()
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    tile(page, "1: COPY redis").click()
    second = Axe().run(page)
    assert second.response["violations"] == [], second.generate_report()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_without_scripts_all_is_told(opened: Open, scheme: Scheme) -> None:
    """The maps are pictures, every table is there, and nothing is offered that would not work."""
    page = opened(viewport=WIDE, color_scheme=scheme, java_script_enabled=False)
    assert page.locator(".still figure:visible").count() == 4
    assert page.locator("svg.tiles text:visible", has_text="orm").count() >= 1
    assert page.locator("#ledger tbody tr:visible").count() == 5
    for hidden in ("#zoom", "#search", "button"):
        assert page.locator(f"{hidden}:visible").count() == 0


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_page_is_no_wider_than_the_window(opened: Open, viewport: dict[str, int]) -> None:
    """Wide tables scroll by themselves, and the longest name of an image has room."""
    for text in ("redis", "registry:registry.example.com:5000/team/project/backend@sha256:" + 64 * "a"):
        page = opened(text, viewport=viewport)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_print_has_the_still_pictures(opened: Open) -> None:
    """Paper gets the maps without controls, and tables in full."""
    page = opened(viewport=WIDE)
    page.emulate_media(media="print")
    assert page.locator(".still figure:visible").count() == 4
    assert page.locator("#zoom:visible, #search:visible").count() == 0
    assert page.locator(".tall").evaluate("each => each.scrollHeight <= each.clientHeight + 1")


def test_map_follows_the_window(opened: Open) -> None:
    """After the window got narrower the tiles fill it again."""
    page = opened(viewport=WIDE)
    page.set_viewport_size({"width": 500, "height": 800})
    page.wait_for_function(
        """() => {
            const tiles = document.getElementById("zoom-tiles"), right = tiles.getBoundingClientRect().right;
            return Math.max(...[...tiles.children].map((each) => each.getBoundingClientRect().right)) <= right;
        }"""
    )


HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>\u2028<!--\"'`${7*7}{{7*7}}"


def test_hostile_names_are_text(opened: Open) -> None:
    """Names that are markup are shown as they are, in tables as in the map, and run nothing."""
    page = opened(text=HOSTILE, viewport=WIDE)
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 3
    shown = HOSTILE.replace("\u2028", "\\u2028")
    tile(page, "1: COPY").click()
    assert place(page) == f"1: COPY {shown} 20.0 MB"
    assert page.locator("#ledger tbody th", has_text=shown).count() >= 1
