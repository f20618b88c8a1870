"""The HTML report, read by a parser: its content is complete, its sums hold, and no text becomes markup."""

from __future__ import annotations

import io
import json
import re
from base64 import b64encode
from dataclasses import dataclass, field, replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.ledgers import image_of, ledger_rows
from tests.support.summaries import MB, summary, trees
from weighbridge.model.report import LedgerRow, Report
from weighbridge.model.tree import Node
from weighbridge.quoting import escape
from weighbridge.render.html import report as html
from weighbridge.render.html import tables, treemap
from weighbridge.report.summary import Summary


@dataclass
class Page(HTMLParser):
    """The elements of a page, their attributes, and the text in them."""

    text: str
    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    """Tag, name and value."""
    rows: list[list[str]] = field(default_factory=list)
    """The cells of each row of any table."""
    raw: list[tuple[str, str]] = field(default_factory=list)
    """What stands in each style and script."""
    comments: list[str] = field(default_factory=list)
    in_cell: bool = False

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.in_cell = True
        if tag in ("style", "script"):
            self.raw.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        """Note the end of one."""
        self.tags.append(f"/{tag}")
        self.in_cell = self.in_cell and tag not in ("td", "th")

    def handle_comment(self, data: str) -> None:
        """Note a comment."""
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        """Add text to the cell, style or script that it stands in."""
        if self.cdata_elem:
            self.raw[-1] = (self.raw[-1][0], self.raw[-1][1] + data)
        elif self.in_cell:
            self.rows[-1][-1] += data

    def values_of(self, name: str) -> list[str]:
        """Return what all attributes of a name have."""
        return [value for _, each, value in self.attributes if each == name]


def page(told: Summary, files: dict[str, Node] | None = None) -> Page:
    """Return the report as a parser reads it."""
    stream = io.StringIO()
    html.render(replace(told, trees=lambda: files or {}), stream)
    return Page(stream.getvalue())


def of_ledger(*rows: LedgerRow) -> Report:
    """Return a report of one image with these rows."""
    return Report(
        recorded_at="2026-11-24T10:00:00Z", commit=None, dirty=False, engine=None, images=(image_of("a", *rows),)
    )


def test_first_table_is_the_answer() -> None:
    """The first table has the variants with their figures, and the result of each smoke test in words."""
    head, *rows = page(summary()).rows[:3]
    assert [cell for cell in head if cell] == [
        "Variant",
        "Shipped",
        "Pull",
        "Over base",
        "Waste",
        "Change",
        "Code change",
        "API ready",
        "Smoke",
        "Findings",
    ]
    assert [[cell for cell in row if cell] for row in rows] == [
        [
            "single redis",
            "160 MB",
            "~53.3 MB",
            "90.0 MB",
            "2.00 MB",
            "not compared",
            "~3.00 kB, 2.5 s",
            "–",  # noqa: RUF001 - a dash, as it stands there
            "✗ 2 of 41 rules fail",
            "1 warning",
        ],
        [
            "multi",
            "90.0 MB",
            "~30.0 MB",
            "20.0 MB",
            "2.00 MB",
            "+15.0 MB",
            "~3.00 kB, 2.5 s",
            "1.6 s",
            "✓ 41 of 41 rules hold",
            "1 warning",
        ],
    ]


def test_difference_is_closed_and_keeps_the_base_apart() -> None:
    """The causes add up; the base image is one of them, with its own parts below."""
    [change] = tables.list_changes(summary())
    assert [(cause.category, cause.delta_bytes) for cause in change.causes] == [("base", 10 * MB), ("python", 5 * MB)]
    assert sum(cause.delta_bytes for cause in change.causes) + change.rest_bytes == change.comparison.delta_bytes
    assert sum(row.delta_bytes for row in change.base) + change.base_rest_bytes == change.comparison.growth.base_bytes
    text = page(summary()).text
    assert "multi grew by 15.0 MB because of the base image (+10.0 MB); all else +5.00 MB." in text.partition("<nav")[0]
    assert "Our own: <strong>+5.00 MB</strong>" in text
    assert "Drift of the base image: <strong>+10.0 MB</strong>" in text


@given(st.lists(ledger_rows(), min_size=1, max_size=30))
@settings(max_examples=settings.default.max_examples * 3 // 10)  # type: ignore[union-attr]
def test_ledger_closes(rows: list[LedgerRow]) -> None:
    """Each column of the table adds up to the image's shipped bytes."""
    report = of_ledger(*rows)
    found = page(Summary(report=report))
    assert sum(map(int, found.values_of("data-value"))) == report.images[0].shipped_bytes


PIECES = (
    "</script>",
    "<script>alert(1)</script>",
    "<!--",
    "-->",
    "</style>",
    "</title>",
    '" onload="alert(1)',
    "' x='",
    "&lt;",
    "&#0;",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "]]>",
    "\u2028",
    "\u202e",
    "\0",
    "\udcff",
    "\r\n",
    "__proto__",
)
HOSTILE = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=6).map("".join)


@given(HOSTILE)
@example("<script>alert(1)</script>" * 5)
@settings(max_examples=settings.default.max_examples * 6 // 10)  # type: ignore[union-attr]
def test_no_text_becomes_markup(text: str) -> None:
    """Whatever images, records and engines are called, the page has the elements that it has for a harmless name.

    The harmless name has the same length, because the page folds long texts.
    """
    harmless = "x" * len(text) or "x"
    found, tame = page(summary(text), trees(text)), page(summary(harmless), trees(harmless))
    drawn = ("svg", "/svg", "title", "/title", "text", "/text", "rect", "/rect")  # a long label is drawn in another way
    assert [tag for tag in found.tags if tag not in drawn] == [tag for tag in tame.tags if tag not in drawn]
    assert {name for _, name, _ in found.attributes} == {name for _, name, _ in tame.attributes}
    assert [kind for kind, _ in found.raw] == [kind for kind, _ in tame.raw]
    assert len(found.comments) == 1
    assert all(sign.isprintable() or sign == "\n" for sign in found.text)


@given(HOSTILE)
@settings(max_examples=settings.default.max_examples * 6 // 10)  # type: ignore[union-attr]
def test_data_are_what_was_measured(text: str) -> None:
    """The script gets the names and bytes of the tree, as far as they are shown."""
    found = json.loads(page(summary(text), trees(text)).raw[1][1])
    expected = treemap.export_map(
        treemap.Map(variant="multi", by="layer, owner, folder, file", root=trees(text)["multi"])
    )
    assert expected in found["maps"]
    [mapped] = [each for each in found["maps"] if each["by"].startswith("layer, owner")]
    assert mapped["root"][3][1][3][0][0] == escape(f"{text} 8.0", 160)


def test_policy_lets_in_only_what_the_page_was_written_with() -> None:
    """The policy names every style and script by its hash; nothing else may load or run."""
    found = page(summary(), trees())
    [policy] = [value for value in found.values_of("content") if "default-src" in value]
    allowed = set(re.findall(r"'sha256-[^']+'", policy))
    written = {
        f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
        for kind, text in found.raw
        if not text.startswith("{")
    }
    assert allowed == written
    assert re.sub(r" '[^']+'", "", policy) == "default-src; style-src; script-src; base-uri; form-action"
    assert "unsafe" not in policy


def test_nothing_leads_out_of_the_page() -> None:
    """Every reference is to a part of the page, and no style or attribute loads a file."""
    found = page(summary(), trees())
    ids = set(found.values_of("id"))
    assert found.values_of("href")
    assert {value.removeprefix("#") for value in found.values_of("href")} <= ids
    assert not found.values_of("src") + found.values_of("style")
    assert not [text for kind, text in found.raw if kind == "style" and re.search(r"url\(|@import", text)]


PUBLISHED = "a8771380454be89ec5ffe9a6396ba7c247081e348ae740dc9cb9629abd4c0e43"
"""Of `dist/d3-hierarchy.min.js` in the package d3-hierarchy 3.1.2."""


def test_licence_of_the_library_is_in_the_page() -> None:
    """The vendored library is the published file, and its licence is in the page."""
    folder = Path(html.__file__).parent
    assert sha256((folder / "d3-hierarchy.min.js").read_bytes()).hexdigest() == PUBLISHED
    [comment] = page(summary()).comments
    assert "Copyright 2010-2021 Mike Bostock" in comment
    assert "this permission notice appear in all copies" in comment


def wide(name: str, nodes: int) -> Node:
    """Return a tree with that many files of one owner."""
    files = tuple(Node(name=f"{number}{name}", bytes=10_000 + number, category="python") for number in range(nodes))
    owner = Node(name="owner", bytes=sum(f.bytes for f in files), children=files, category="python", files=len(files))
    return Node(name="", bytes=owner.bytes, children=(replace(owner, name="0: COPY"),), files=len(files))


@pytest.mark.parametrize(("images", "name"), [(3, "_module_with_a_long_name.cpython-313.pyc"), (12, "漢" * 200)])
def test_page_stays_below_a_megabyte(images: int, name: str) -> None:
    """For many images with many files and long names, the maps get coarser."""
    told = summary()
    variants = tuple(replace(told.report.images[0], variant=f"v{number}") for number in range(images))
    files = {each.variant: wide(name, 2900) for each in variants}
    found = page(replace(told, report=replace(told.report, images=variants)), files)
    assert len(found.text.encode()) <= html.LARGEST
    maps = json.loads(found.raw[1][1])["maps"]
    assert {each["root"][1] for each in maps if each["by"].startswith("layer, owner")} == {wide(name, 2900).bytes}


def test_record_that_knows_little_is_shown() -> None:
    """A record of the first version is shown, without ledger, base, waste, pull and baseline."""
    image = replace(
        summary().report.images[1],
        base=None,
        ledger=(),
        waste=(),
        findings=(),
        rebuilds=(),
        pull=None,
        wasted_bytes=None,
        live_bytes=None,
    )
    found = page(Summary(report=replace(summary().report, images=(image,), sharing=None, engine=None, commit=None)))
    assert {"map", "layers"} < set(found.values_of("id"))
    assert not {"difference", "waste", "owners", "changes", "trend", "findings"} & set(found.values_of("id"))


def test_report_without_images_is_a_page() -> None:
    """A report without images is a page that says so."""
    report = Report(recorded_at="2026-11-24T10:00:00Z", commit=None, dirty=False, engine=None, images=())
    assert "No image was measured." in page(Summary(report=report)).text
