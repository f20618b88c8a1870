"""Writes a report for a pull request or a job's summary: Markdown that both GitHub and GitLab show.

The verdict, the table and the findings come first; the rest is folded. The document is always below 60 kB, because
GitHub accepts comments of up to 65,536 characters. It says what it leaves out, with the sum of its bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TextIO, assert_never

from weighbridge.image.categories import CATEGORIES
from weighbridge.image.prelude import strip_prelude
from weighbridge.model.report import Image, Layer, Waste
from weighbridge.render.markdown.escaping import folded, plain, quoted, table
from weighbridge.render.overview import answers, counted, describe_proof, of_variant, origin, pull_of, pulled, signed
from weighbridge.render.verdict import cause, drift, remedy, verdict, versions
from weighbridge.report import advice
from weighbridge.report.comparison import Comparison
from weighbridge.report.growth import Cause
from weighbridge.report.summary import Baseline, Summary
from weighbridge.report.units import size

MARKER = "<!-- weighbridge:report -->"
"""The first line, which is invisible. By it we recognise our own comment, to replace it."""
LIMIT_BYTES = 60_000
_VARIANTS = 25
_ITEMS = 12
_ROWS = (20, 10, 5)
"""How many rows a table may have; the next lower number if the document is too long."""
_PARTS = 3
_NAME = 40
_INSTRUCTION = 100


def render(summary: Summary, stream: TextIO | None = None) -> None:
    """Write the document."""
    (stream or sys.stdout).write(document(summary))


def document(summary: Summary) -> str:
    """Return the document, with as many rows and details of variants as fit; the first variants come first."""
    first = "\n".join(_first_screen(summary))
    images = summary.report.images
    for rows in _ROWS:
        whole = _joined(first, [_details(image, summary, rows) for image in images], images[:0])
        if _bytes(whole) <= LIMIT_BYTES:
            return whole
    kept: list[str] = []
    for image in images:
        longer = [*kept, _details(image, summary, _ROWS[-1])]
        if _bytes(_joined(first, longer, images[len(longer) :])) > LIMIT_BYTES:
            break
        kept = longer
    return _joined(first, kept, images[len(kept) :])


def _joined(first: str, details: Sequence[str], left_out: Sequence[Image]) -> str:
    parts = [first, *details]
    if left_out:
        total = size(sum(image.shipped_bytes for image in left_out))
        parts.append(f"Too long for a comment: the details of {counted(len(left_out), 'variant')}, {total} together.\n")
    return "\n".join(parts)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _first_screen(summary: Summary) -> Iterator[str]:
    yield f"{MARKER}\n"
    yield f"### {verdict(summary, _name)}\n"
    yield _comparison(summary)
    items = [*_items(summary)]
    if items:
        rest = len(items) - _ITEMS
        yield "\n".join((*items[:_ITEMS], *([f"- and {rest} more"] if rest > 0 else ()))) + "\n"
    yield f"{_basis(summary)}\n"


def _comparison(summary: Summary) -> str:
    images, columns = summary.report.images, answers(summary)
    rows = [
        (f"**{_name(image.variant)}**", *(column.cells[index] for column in columns))
        for index, image in enumerate(images[:_VARIANTS])
    ]
    rest = images[_VARIANTS:]
    if rest:
        total = size(sum(image.shipped_bytes for image in rest))
        rows.append((f"and {len(rest)} more", total, *("" for _ in columns[1:])))
    return table([("Variant", False), *((column.name, True) for column in columns)], rows)


def _items(summary: Summary) -> Iterator[str]:
    """Yield what needs attention: findings, errors first; variants that do not run; and why each variant changed.

    Without a baseline, the list starts with the variant to ship and what to cut from it first.
    """
    if summary.baseline is None:
        yield from _advice(summary)
    found = [(each, image) for image in summary.report.images for each in image.findings]
    for finding, image in sorted(found, key=lambda pair: pair[0].level != "error"):
        level, message = plain(finding.level, _NAME), plain(finding.message)
        yield f"- **{level}** {_name(image.variant)}: {message}"
    for image in summary.report.images:
        standing = summary.standings.get(image.variant)
        if standing and not standing.ok:
            yield f"- **does not run** {_name(image.variant)}: {plain(', '.join(standing.failed))}"
    baseline = summary.baseline
    for comparison in sorted(baseline.comparisons if baseline else (), key=lambda each: -abs(each.delta_bytes)):
        if comparison.delta_bytes:
            yield f"- {_why(summary, comparison)}"
    for variant, reason in (baseline.refusals if baseline else {}).items():
        yield f"- **not compared** {_name(variant)}: {plain(reason)}"


def _advice(summary: Summary) -> Iterator[str]:
    choice, why = advice.to_ship(summary), plain(advice.reason(summary))
    if choice is None:
        yield f"- **ship none**: {why}"
        return
    told = ". ".join(filter(None, (describe_proof(summary, choice.variant), why)))
    yield f"- **ship** {_name(choice.variant)}: {told}".removesuffix(": ")
    found = advice.to_cut(choice)
    if found:
        yield f"- **cut first** {plain(found.told)}: {size(found.bytes)}. {plain(found.remedy)}"


def _why(summary: Summary, comparison: Comparison) -> str:
    because = cause(summary, comparison, _name)
    told = f"{_name(comparison.variant)} {signed(comparison.delta_bytes)}"
    parts = [f"{told}, mainly because of {because}" if because else told, drift(comparison)]
    advised = plain(remedy(summary, comparison))
    return "; ".join(filter(None, parts)) + (f". {advised}" if advised else "")


def _basis(summary: Summary) -> str:
    report = summary.report
    commit = (
        f" at {_name(report.commit[:7])}{' and uncommitted changes' if report.dirty else ''}" if report.commit else ""
    )
    since = f"; change since {_name(summary.baseline.label)}" if summary.baseline else ""
    estimated = any(image.pull and image.pull.basis == "estimated" for image in report.images)
    estimate = " `~` is an estimate of gzip -6, within 2 %." if estimated else ""
    return f"<sub>Measured {report.recorded_at}{commit}{since}. MB = 10^6 bytes.{estimate}</sub>"


def _details(image: Image, summary: Summary, rows: int) -> str:
    """Return one variant, folded: why it changed, its layers, its waste."""
    comparison = of_variant(summary, image.variant)
    parts = []
    if comparison and summary.baseline:
        parts.append(_difference(comparison, summary.baseline, rows))
    parts.append(_layers(image.layers, rows))
    if image.waste:
        parts.append(_waste(image, rows))
    about = [size(image.shipped_bytes), counted(len(image.layers), "layer")]
    about += [f"{signed(comparison.delta_bytes)} since the baseline"] if comparison else []
    about += [f"{size(image.wasted_bytes)} wasted"] if image.wasted_bytes else []
    title = f"<b>{_name(image.variant)}</b>: {', '.join(about)}"
    return folded(title, "\n".join(parts))


def _difference(comparison: Comparison, baseline: Baseline, rows: int) -> str:
    difference, grown = comparison.difference, comparison.growth
    head = f"**{signed(grown.delta_bytes)}** since {_name(baseline.label)}"
    if difference.ledger:
        head += f": base image {signed(grown.base_bytes)}, all else {signed(grown.own_bytes)}"
    cost = f". A node that has the earlier image pulls {pulled(difference.cost)}" if difference.cost else ""
    shown, rest = grown.largest(rows)
    told = [(signed(each.delta_bytes), _whose(each), _name(versions(each)) if versions(each) else "") for each in shown]
    if rest:
        total = signed(sum(each.delta_bytes for each in rest))
        told.append((total, counted(len(rest), "smaller change"), ""))
    told.append((f"**{signed(grown.delta_bytes)}**", "**in all**", ""))
    return f"{head}{cost}.\n\n{table([('Change', True), ('Owner', False), ('Version', False)], told)}"


def _whose(cause: Cause) -> str:
    match cause.kind:
        case "base":
            names = ", ".join(f"{_name(row.name)} {signed(row.delta_bytes)}" for row in cause.parts[:_PARTS])
            return f"base image: {names}"
        case "layer":
            return f"layer {quoted(strip_prelude(cause.name), _INSTRUCTION)}"
        case "waste" | "bytecode" | "owner":
            known = CATEGORIES.get(cause.category)
            kind = known.prefix or known.title if known else cause.category
            return f"{plain(kind, _NAME)} {_name(cause.name)}"
    assert_never(cause.kind)


def _layers(layers: Sequence[Layer], limit: int) -> str:
    """Return the layers in order; if there are many, only the largest."""
    largest = sorted(layers, key=lambda each: -each.shipped_bytes)
    shown, rest = largest[:limit], largest[limit:]
    rows = [
        (
            str(each.index),
            size(each.shipped_bytes),
            pulled(pull_of(each)),
            origin(each),
            quoted(strip_prelude(each.instruction), _INSTRUCTION),
        )
        for each in sorted(shown, key=lambda each: each.index)
    ]
    if rest:
        total = size(sum(each.shipped_bytes for each in rest))
        rows.append(("", total, "", "", counted(len(rest), "smaller layer")))
    return table([("Layer", True), ("Shipped", True), ("Pull", True), ("From", False), ("Instruction", False)], rows)


def _waste(image: Image, limit: int) -> str:
    shown, rest = image.waste[:limit], image.waste[limit:]
    rows = [_wasted(row) for row in shown]
    if rest:
        rows.append((size(sum(row.bytes for row in rest)), counted(len(rest), "smaller cause"), "", ""))
    return table([("Wasted", True), ("What", False), ("Layers", False), ("What to do", False)], rows)


def _wasted(row: Waste) -> tuple[str, ...]:
    what = f"{plain(row.cause.replace('-', ' '), _NAME)}: {quoted(row.path)}"
    return size(row.bytes), what, f"{row.shipped_by} → {row.killed_by}", plain(row.remedy)


def _name(text: str) -> str:
    return quoted(text, _NAME)
