"""Prints the first screen of a report: what to ship, what to cut, what grew, and all variants in one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from weighbridge.render.overview import (
    MISSING,
    UNKNOWN,
    describe_proof,
    describe_rules,
    find_code_change,
    find_comparison,
    format_bytes,
    format_delta,
    format_over_base,
    format_pull,
    format_ready,
    format_waste,
    is_new,
)
from weighbridge.render.terminal.console import (
    DENSE_GAP,
    Cell,
    Column,
    Style,
    measure_width,
    print_dense_table,
    print_entries,
    print_line,
    print_paragraph,
)
from weighbridge.render.verdict import describe_cause
from weighbridge.report import advice
from weighbridge.report.units import draw_bar, format_seconds, format_size

if TYPE_CHECKING:
    from weighbridge.model.report import Finding, Image, Level
    from weighbridge.model.smoke import Standing
    from weighbridge.report.summary import Summary

_VARIANT = "Variant"
_BAR_WIDTH = 8
_LONGEST_NAME = 18
"""The most characters of a name that a needed column makes room for; longer names are cut."""
_LEVELS: dict[Level, tuple[str, Style]] = {"error": ("✗ error", "red"), "warning": ("! warning", "yellow")}
_NEVER = Cell("never", "yellow")
_Entry = tuple[Cell, Sequence[Cell | str]]
"""A label, and the parts of the text beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """One column of the table: its name, and a cell for each variant."""

    name: str
    cells: tuple[Cell | str, ...]
    right: bool = True

    @property
    def width(self) -> int:
        """How many columns of the terminal it takes, including the gap before it."""
        return DENSE_GAP + max(len(text) for text in (*self.name.splitlines(), *map(_strip_style, self.cells)))


def render(summary: Summary, stream: TextIO | None = None) -> None:
    """Print the verdict, the table with as many columns as fit, and the findings."""
    print_entries([*_build_verdict(summary)], stream=stream)
    print_line("", stream=stream)
    images, choice = summary.report.images, advice.choose_image(summary)
    names = tuple(Cell(image.variant, "bold" if image is choice else "") for image in images)
    shown = _select_columns(
        summary, measure_width(stream) - 1, max(len(name) for name in (_VARIANT, *(each.text for each in names)))
    )
    columns = [Column(name=_VARIANT, shrinks=True), *(Column(name=each.name, right=each.right) for each in shown)]
    rows = zip(names, *(each.cells for each in shown), strict=True)
    print_dense_table("What each variant weighs", columns, [*rows], stream=stream)
    incomplete = _describe_incomplete_tests(summary)
    if incomplete:
        print_paragraph(incomplete, "dim", stream=stream)
        print_line("", stream=stream)
    findings = [_build_finding(image, each) for image in images for each in image.findings]
    if findings:
        print_entries(findings, stream=stream)
        print_line("", stream=stream)


def build_cut_entry(image: Image) -> _Entry | None:
    """Return a label and what to cut from an image first; None if there is nothing to cut."""
    found = advice.choose_cut(image)
    if found is None:
        return None
    share = f" ({found.bytes / image.shipped_bytes:.0%} of it)" if image.shipped_bytes else ""
    bytes_ = Cell(format_size(found.bytes), "bold")
    return Cell("Cut first", "bold"), (f"{found.headline}: ", bytes_, f"{share}. {found.remedy}")


def _build_verdict(summary: Summary) -> Iterator[_Entry]:
    choice, why = advice.choose_image(summary), advice.explain_choice(summary)
    if choice is None:
        yield Cell("Ship none", "bold"), (why,)
    else:
        pull = f"{format_pull(choice.pull)} to pull, " if choice.pull else ""
        proven = describe_proof(summary, choice.variant)
        figures = f": {pull}{format_size(choice.shipped_bytes)} shipped{'; ' if proven else ''}{proven}. {why}".rstrip()
        yield Cell("Ship", "bold"), (Cell(choice.variant, "bold"), figures)
        told = build_cut_entry(choice)
        if told:
            yield told
    if summary.baseline:
        yield Cell("Growth", "bold"), (_describe_growth(summary),)


def _describe_growth(summary: Summary) -> str:
    """Return what changed most since the baseline, and why."""
    baseline = summary.baseline
    if baseline is None or not baseline.comparisons:
        return f"unknown: nothing can be compared with {baseline.label}." if baseline else ""
    from weighbridge.report.comparison import find_largest  # noqa: PLC0415 - most reports have no baseline

    most = find_largest(baseline.comparisons)
    if not most.delta_bytes:
        return f"none since {baseline.label}."
    if most.is_noise:
        return f"almost none since {baseline.label}: {most.variant} {format_delta(most.delta_bytes)}."
    because = describe_cause(summary, most)
    why = f"; largest cause: {because}" if because else ""
    return f"{most.variant} {format_delta(most.delta_bytes)} since {baseline.label}{why}."


def _build_finding(image: Image, finding: Finding) -> _Entry:
    words, style = _LEVELS[finding.level]
    return Cell(words, style), (Cell(image.variant, "bold"), f": {finding.message}")


def _select_columns(summary: Summary, room: int, name_length: int) -> list[_Answers]:
    """Return the columns that have data, without the least important ones if all together are too wide."""
    known = [each for each in _list_columns(summary) if each is not None]
    taken, shown = 0, set[str]()
    for names, for_variant in ((_NEEDED, min(name_length, _LONGEST_NAME)), (_WELCOME, name_length)):
        for name in names:
            found = next((each for each in known if each.name == name), None)
            if found and for_variant + taken + found.width <= room:
                taken += found.width
                shown.add(name)
    return [each for each in known if each.name in shown]


_NEEDED = ("Shipped", "Pull", "Smoke\nrules", "Growth", "Over\nbase", "Code\nchange", "API\nready", "Waste")
"""Columns that people need for a decision, the most important first; together they fit a width of 80."""
_WELCOME = ("Rebuild", "Live", "Files", "Of the\nlargest")
"""Columns for wider terminals."""


def _list_columns(summary: Summary) -> Iterator[_Answers | None]:
    """Yield all columns in order; None for a column without data."""
    images = summary.report.images
    changes = [find_code_change(image) for image in images]
    standings = [summary.standings.get(image.variant) for image in images]
    largest = max((image.shipped_bytes for image in images), default=0)
    yield _build_column("Shipped", [format_size(image.shipped_bytes) for image in images])
    yield _build_column("Over\nbase", [format_over_base(image) for image in images])
    yield _build_column("Pull", [format_pull(image.pull) for image in images])
    yield _build_column("Waste", [format_waste(image) for image in images])
    yield _build_column("Code\nchange", [format_pull(each.pull) if each else UNKNOWN for each in changes])
    yield _build_column("Rebuild", [format_seconds(each.seconds) if each else UNKNOWN for each in changes])
    yield _build_column("API\nready", [format_ready(each) for each in standings])
    if summary.standings:
        yield _Answers(name="Smoke\nrules", cells=tuple(map(_format_smoke, standings)), right=False)
    if summary.baseline:
        yield _Answers(name="Growth", cells=tuple(_format_change(summary, image.variant) for image in images))
    yield _build_column("Live", [format_bytes(image.live_bytes) for image in images])
    yield _build_column("Files", [f"{image.file_count:,}" for image in images])
    bars = tuple(Cell(_format_share(image.shipped_bytes, largest), "cyan") for image in images)
    yield _Answers(name="Of the\nlargest", cells=bars, right=False) if len(images) > 1 else None


def _build_column(name: str, texts: Sequence[str]) -> _Answers | None:
    absent = {UNKNOWN, MISSING}
    if absent.issuperset(texts):
        return None
    return _Answers(name=name, cells=tuple(Cell(text, "dim") if text in absent else text for text in texts))


def _format_share(part: int, whole: int) -> str:
    return f"{part / whole:4.0%} {draw_bar(part, whole, _BAR_WIDTH)}" if whole else ""


def _format_smoke(standing: Standing | None) -> Cell:
    """Return how many of all rules hold, or how many fail; short, so that the needed columns fit 80 signs."""
    if standing is None:
        return _NEVER
    if not standing.ok:
        return Cell(f"✗ {len(standing.failed)} fail" if standing.failed else "✗ fails", "red")
    return Cell(f"✓ {standing.counts.held}/{standing.rules}", "green")


def _describe_incomplete_tests(summary: Summary) -> str:
    """Return a sentence on the smoke tests in which rules are waived or were not tried; empty if there are none."""
    told = [
        f"of {variant}: {describe_rules(standing.counts)}"
        for variant, standing in summary.standings.items()
        if standing.waived or standing.untried
    ]
    return f"Smoke test {'; '.join(told)}." if told else ""


def _format_change(summary: Summary, variant: str) -> Cell:
    found = find_comparison(summary, variant)
    if found is None:
        return Cell("new" if is_new(summary, variant) else "refused", "dim")
    style: Style = "dim" if found.is_noise else "yellow" if found.delta_bytes > 0 else "green"
    return Cell(format_delta(found.delta_bytes), style if found.delta_bytes else "")


def _strip_style(cell: Cell | str) -> str:
    return cell if isinstance(cell, str) else cell.text
