"""Four images that grew, built on an engine and recorded: each format names the cause in its first screen.

`tests/live/regressions.py` made the records. JSON has the causes in its rows and findings; a bill of materials and a
badge are about one image, so they show no difference.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from html import unescape
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.support.differences import explain
from weighbridge.model.report import Image
from weighbridge.render import json
from weighbridge.render.html import report as html
from weighbridge.render.markdown import report as markdown
from weighbridge.render.svg import report as svg
from weighbridge.render.terminal import report
from weighbridge.render.verdict import describe_cause, describe_drift, find_remedy
from weighbridge.report import baseline, budgets, records
from weighbridge.report.comparison import Comparison
from weighbridge.report.summary import Summary
from weighbridge.settings.project import Settings

RECORDS = Path(__file__).parents[1] / "support" / "records"
LABEL = "main, 3f2a9c1, 2026-11-20"
SETTINGS = Settings.model_validate(
    {"repository": "regression", "variants": {"app": {}}, "budgets": {"default": {"growth": {"bytes": "500 kB"}}}}
)
_SCREEN_LINES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a reader must see of a case without scrolling or unfolding."""

    words: tuple[str, ...]
    delta_bytes: int | None = None
    """Known where the case was made of payloads of known sizes."""


CHOWN = ("RUN chown -R 10001:10001 /app", "Only chown changed these files, not their bytes", "COPY --chown=…")
EXPECTED = {
    # The two versions differ by their data, and by nothing else but digits.
    "dependency": Expected(words=("chartkit", "1.4.0", "2.0.0", "+1.50 MB"), delta_bytes=1_500_000),
    "chown": Expected(words=(*CHOWN, "+2.40 MB"), delta_bytes=2_400_016),
    "apt": Expected(words=("Debian packages", "jq", "libjq1", "libonig5")),
    "base": Expected(
        words=("base image", "weighbridge-test-base:1", "weighbridge-test-base:2", "+2.40 MB", "0 B"),
        delta_bytes=2_400_000,
    ),
}
CASES = pytest.mark.parametrize("case", EXPECTED)


@cache
def summary(case: str) -> Summary:
    """Return the summary of `invoke report --baseline` for a case."""
    before, after = (records.parse_json((RECORDS / f"{name}.json").read_bytes(), name) for name in ("before", case))
    compared = baseline.compare(before, after, LABEL)
    return Summary(report=budgets.check(after, SETTINGS, compared), baseline=compared)


def image(case: str) -> Image:
    """Return the image of a case, with its findings."""
    (found,) = summary(case).report.images
    return found


def difference(case: str) -> Comparison:
    """Return what changed since the baseline."""
    compared = summary(case).baseline
    assert compared is not None
    (found,) = compared.comparisons
    return found


def drawn(render: Callable[..., None], case: str) -> str:
    """Return a case in a format."""
    stream = io.StringIO()
    render(summary(case), stream)
    return stream.getvalue()


def read(text: str) -> str:
    """Return text as people read it: without tags and code marks, with single blanks."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", text)).replace("`", "").split())


def holds(text: str, case: str) -> None:
    """Check that a screen names the cause."""
    assert [words for words in EXPECTED[case].words if words not in read(text)] == []


@CASES
def test_difference_is_the_change_that_was_made(case: str) -> None:
    """The causes add up, and the growth is the expected one, apart from metadata."""
    found = difference(case)
    expected = EXPECTED[case].delta_bytes
    assert sum(each.delta_bytes for each in found.growth.causes) == found.delta_bytes > 0
    if expected:
        assert abs(found.delta_bytes - expected) < 100
    assert describe_cause(summary(case), found)


@pytest.mark.parametrize("columns", [80, 120])
@CASES
def test_terminal(case: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cause is in the first lines of a terminal of usual height."""
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = drawn(report.render, case).splitlines()
    assert max(map(len, lines)) <= columns
    holds("\n".join(lines[:_SCREEN_LINES]), case)


@CASES
def test_markdown(case: str) -> None:
    """The cause is before the first fold, and the largest one is in the heading."""
    first, fold, _ = drawn(markdown.render, case).partition("<details>")
    assert fold
    holds(first, case)
    (heading,) = (line for line in first.splitlines() if line.startswith("### "))
    assert EXPECTED[case].words[0] in read(heading)


@CASES
def test_html(case: str) -> None:
    """The cause is in the answer at the top of the page, before its sections."""
    first, sections, _ = drawn(html.render, case).partition("<nav")
    assert sections
    holds(first.partition("<body>")[2], case)


@CASES
def test_svg(case: str) -> None:
    """The cause is in the picture, and in its description for screen readers."""
    root = ET.fromstring(drawn(svg.render, case))  # noqa: S314 - we have just written it
    space = "{http://www.w3.org/2000/svg}"
    holds(" ".join(each.text or "" for each in root.iter(f"{space}text")), case)
    holds(root.findtext(f"{space}desc", ""), case)


@CASES
def test_json(case: str) -> None:
    """The record has the findings, and its owners and waste have the cause's names."""
    written = records.parse_json(drawn(json.render, case))
    assert written == summary(case).report
    (found,) = written.images
    told = [f"{row.name} {row.version}" for row in found.ledger]
    assert {
        "dependency": "chartkit 2.0.0" in told,
        "chown": found.waste[0].cause == "metadata-only" and "chown" in found.waste[0].remedy,
        "apt": any(row.startswith("jq ") for row in told),
        "base": found.base is not None and found.base.reference == "weighbridge-test-base:2",
    }[case]


@pytest.mark.parametrize("case", ["dependency", "chown", "apt"])
def test_own_growth_is_over_budget(case: str) -> None:
    """Growth by the image's own layers counts against the budget."""
    assert [(each.rule, each.level) for each in image(case).findings] == [("budget-growth", "error")]


def test_drift_is_not_held_against_the_image() -> None:
    """A larger base is reported with its own bytes, and breaks no limit on growth."""
    found = difference("base")
    grown = found.growth
    assert (grown.base_bytes, grown.own_bytes) == (found.delta_bytes, 0)
    (package,) = grown.causes[0].parts
    assert (package.name, package.before_version, package.after_version) == ("libcodec1", "1.0-1", "1.2-1")
    assert image("base").findings == ()


@pytest.mark.parametrize("case", ["dependency", "chown", "apt"])
def test_same_base_does_not_drift(case: str) -> None:
    """An image on the same base has only growth of its own."""
    found = difference(case)
    assert found.growth.base_bytes == 0


def test_records_tell_nothing_of_the_machine() -> None:
    """Records contain only the names of the cases, and no path or name of one machine or run."""
    for path in RECORDS.glob("*.json"):
        (found,) = records.parse_json(path.read_bytes()).images
        assert found.reference == "regression:app"
        assert found.base is not None
        assert re.fullmatch(r"weighbridge-test-base:[12]", found.base.reference)
        assert not re.search(r"weighbridge-test-\d|/tmp/[a-z]|/root/\w|/home/\w", path.read_text(encoding="utf-8"))
    assert {path.stem for path in RECORDS.glob("*.json")} == {"before", *EXPECTED}


def test_packages_that_went_are_one_cause() -> None:
    """Packages that are removed together are one cause, and the text says so."""
    after, before = (records.parse_json((RECORDS / f"{name}.json").read_bytes(), name) for name in ("before", "apt"))
    compared = baseline.compare(before, after, LABEL)
    told = describe_cause(Summary(report=after, baseline=compared), compared.comparisons[0])
    assert re.fullmatch(r"removed Debian packages libonig5, libjq1, jq \(-1\.\d\d MB\)", told)


@pytest.mark.parametrize("case", ["dependency", "apt", "base"])
def test_remedy_is_of_waste_alone(case: str) -> None:
    """Only waste has a remedy; if another cause is larger, no remedy is shown."""
    assert find_remedy(summary("chown"), difference("chown")) == image("chown").waste[0].remedy
    assert not find_remedy(summary(case), difference(case))


def test_long_verdict_is_cut_in_the_picture() -> None:
    """A very long instruction takes two lines, and the table is below them."""
    (found,) = summary("chown").report.images
    layers = (*found.layers[:-1], replace(found.layers[-1], instruction="RUN chown -R app " + "/app/folder " * 50))
    long = replace(summary("chown").report, images=(replace(found, layers=layers),))
    stream = io.StringIO()
    svg.render(replace(summary("chown"), report=long), stream)
    texts = [
        (float(each.get("y", "")), each.text or "")
        for each in ET.fromstring(stream.getvalue()).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 - as above
    ]
    head = next(y for y, text in texts if text == "Variant")
    verdict = [(y, text) for y, text in texts if 36 < y < head]
    assert len(verdict) == 2
    assert max(len(text) for _, text in verdict) <= 108
    assert verdict[-1][1].endswith("…")
    assert head - verdict[-1][0] >= 18


def test_drift_is_told_beside_a_larger_cause() -> None:
    """The base's bytes are in the verdict, whether or not the base is the largest cause."""
    found = difference("base")
    (base,) = found.difference.ledger
    new = [
        replace(base, category="debian", name=name, before_version=None, delta_bytes=2_000_000, before_bytes=0)
        for name in ("jq", "libjq1")
    ]
    both = explain(replace(found.difference, delta_bytes=found.delta_bytes + 4_000_000, ledger=(*new, base)))
    assert describe_cause(summary("base"), both) == "new Debian packages jq, libjq1 (+4.00 MB)"
    assert describe_drift(both) == "base image +2.40 MB, all else +4.00 MB"
    assert describe_drift(found) == "all else 0 B"
    assert not describe_drift(difference("chown"))


FORMATS: dict[str, Callable[..., None]] = {
    "terminal": report.render,
    "markdown": markdown.render,
    "html": html.render,
    "svg": svg.render,
}


@pytest.mark.parametrize("name", FORMATS)
def test_change_below_the_noise_limit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every format a change below the limit of `budgets.noise` is said to be slight, and has no cause to mend."""
    monkeypatch.setenv("COLUMNS", "120")
    found = summary("chown")
    assert found.baseline is not None
    quiet = tuple(replace(each, noise_bytes=3_000_000) for each in found.baseline.comparisons)
    stream = io.StringIO()
    FORMATS[name](replace(found, baseline=replace(found.baseline, comparisons=quiet)), stream)
    text = read(stream.getvalue())
    assert "almost" in text.lower()
    assert "because of" not in text
    assert "largest cause" not in text
    assert not find_remedy(found, quiet[0])
