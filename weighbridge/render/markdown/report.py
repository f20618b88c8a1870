"""Writes a report for a pull request or a job's summary: Markdown that both GitHub and GitLab show.

The verdict, the table and the findings come first; the rest is folded. The document is always below 60 kB, because
GitHub accepts comments of up to 65,536 characters. It says what it leaves out, with the sum of its bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO, assert_never

from weighbridge.image.categories import CATEGORIES
from weighbridge.image.prelude import strip_prelude
from weighbridge.render.markdown.escaping import escape_prose, fold, format_code, format_table
from weighbridge.render.overview import (
    describe_proof,
    find_comparison,
    format_count,
    format_delta,
    format_pull,
    list_answers,
    name_origin,
    read_layer_pull,
)
from weighbridge.render.verdict import describe_cause, describe_drift, find_remedy, format_versions, state_verdict
from weighbridge.report import advice
from weighbridge.report.units import format_size

if TYPE_CHECKING:
    from weighbridge.model.report import Image, Layer, Waste
    from weighbridge.report.comparison import Comparison
    from weighbridge.report.growth import Cause
    from weighbridge.report.summary import Baseline, Summary

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
    (stream or sys.stdout).write(build_document(summary))


def build_document(summary: Summary) -> str:
    """Return the document, with as many rows and details of variants as fit; the first variants come first."""
    first = "\n".join(_render_first_screen(summary))
    images = summary.report.images
    for rows in _ROWS:
        whole = _join(first, [_render_details(image, summary, rows) for image in images], images[:0])
        if _count_bytes(whole) <= LIMIT_BYTES:
            return whole
    kept: list[str] = []
    for image in images:
        longer = [*kept, _render_details(image, summary, _ROWS[-1])]
        if _count_bytes(_join(first, longer, images[len(longer) :])) > LIMIT_BYTES:
            break
        kept = longer
    return _join(first, kept, images[len(kept) :])


def _join(first: str, details: Sequence[str], left_out: Sequence[Image]) -> str:
    parts = [first, *details]
    if left_out:
        total = format_size(sum(image.shipped_bytes for image in left_out))
        parts.append(
            f"Too long for a comment: the details of {format_count(len(left_out), 'variant')}, {total} together.\n"
        )
    return "\n".join(parts)


def _count_bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _render_first_screen(summary: Summary) -> Iterator[str]:
    yield f"{MARKER}\n"
    yield f"### {state_verdict(summary, _quote_name)}\n"
    yield _render_comparison(summary)
    items = [*_list_items(summary)]
    if items:
        rest = len(items) - _ITEMS
        yield "\n".join((*items[:_ITEMS], *([f"- and {rest} more"] if rest > 0 else ()))) + "\n"
    yield f"{_describe_basis(summary)}\n"


def _render_comparison(summary: Summary) -> str:
    images, columns = summary.report.images, list_answers(summary)
    rows = [
        (f"**{_quote_name(image.variant)}**", *(column.cells[index] for column in columns))
        for index, image in enumerate(images[:_VARIANTS])
    ]
    rest = images[_VARIANTS:]
    if rest:
        total = format_size(sum(image.shipped_bytes for image in rest))
        rows.append((f"and {len(rest)} more", total, *("" for _ in columns[1:])))
    return format_table([("Variant", False), *((column.name, True) for column in columns)], rows)


def _list_items(summary: Summary) -> Iterator[str]:
    """Yield what needs attention: findings, errors first; variants that do not run; and why each variant changed.

    Without a baseline, the list starts with the variant to ship and what to cut from it first.
    """
    if summary.baseline is None:
        yield from _list_advice(summary)
    found = [(each, image) for image in summary.report.images for each in image.findings]
    for finding, image in sorted(found, key=lambda pair: pair[0].level != "error"):
        level, message = escape_prose(finding.level, _NAME), escape_prose(finding.message)
        yield f"- **{level}** {_quote_name(image.variant)}: {message}"
    for image in summary.report.images:
        standing = summary.standings.get(image.variant)
        if standing and not standing.ok:
            yield f"- **does not run** {_quote_name(image.variant)}: {escape_prose(', '.join(standing.failed))}"
    baseline = summary.baseline
    for comparison in sorted(baseline.comparisons if baseline else (), key=lambda each: -abs(each.delta_bytes)):
        if comparison.delta_bytes:
            yield f"- {_explain_change(summary, comparison)}"
    for variant, reason in (baseline.refusals if baseline else {}).items():
        yield f"- **not compared** {_quote_name(variant)}: {escape_prose(reason)}"


def _list_advice(summary: Summary) -> Iterator[str]:
    choice, why = advice.choose_image(summary), escape_prose(advice.explain_choice(summary))
    if choice is None:
        yield f"- **ship none**: {why}"
        return
    told = ". ".join(filter(None, (describe_proof(summary, choice.variant), why)))
    yield f"- **ship** {_quote_name(choice.variant)}: {told}".removesuffix(": ")
    found = advice.choose_cut(choice)
    if found:
        headline, remedy = escape_prose(found.headline), escape_prose(found.remedy)
        yield f"- **cut first** {headline}: {format_size(found.bytes)}. {remedy}"


def _explain_change(summary: Summary, comparison: Comparison) -> str:
    because = describe_cause(summary, comparison, _quote_name)
    told = f"{_quote_name(comparison.variant)} {format_delta(comparison.delta_bytes)}"
    if comparison.is_noise:
        return f"{told}: almost unchanged"
    parts = [f"{told}, mainly because of {because}" if because else told, describe_drift(comparison)]
    advised = escape_prose(find_remedy(summary, comparison))
    return "; ".join(filter(None, parts)) + (f". {advised}" if advised else "")


def _describe_basis(summary: Summary) -> str:
    report = summary.report
    commit = (
        f" at {_quote_name(report.commit[:7])}{' and uncommitted changes' if report.dirty else ''}"
        if report.commit
        else ""
    )
    since = f"; change since {_quote_name(summary.baseline.label)}" if summary.baseline else ""
    estimated = any(image.pull and image.pull.basis == "estimated" for image in report.images)
    estimate = " `~` is an estimate of gzip -6, usually within 2 %." if estimated else ""
    return f"<sub>Measured {report.recorded_at}{commit}{since}. MB = 10^6 bytes.{estimate}</sub>"


def _render_details(image: Image, summary: Summary, rows: int) -> str:
    """Return one variant, folded: why it changed, its layers, its waste."""
    comparison = find_comparison(summary, image.variant)
    parts = []
    if comparison and summary.baseline:
        parts.append(_render_difference(comparison, summary.baseline, rows))
    parts.append(_render_layers(image.layers, rows))
    if image.waste:
        parts.append(_render_waste(image, rows))
    about = [format_size(image.shipped_bytes), format_count(len(image.layers), "layer")]
    about += [f"{format_delta(comparison.delta_bytes)} since the baseline"] if comparison else []
    about += [f"{format_size(image.wasted_bytes)} wasted"] if image.wasted_bytes else []
    title = f"<b>{_quote_name(image.variant)}</b>: {', '.join(about)}"
    return fold(title, "\n".join(parts))


def _render_difference(comparison: Comparison, baseline: Baseline, rows: int) -> str:
    difference, grown = comparison.difference, comparison.growth
    head = f"**{format_delta(grown.delta_bytes)}** since {_quote_name(baseline.label)}"
    if difference.ledger:
        head += f": base image {format_delta(grown.base_bytes)}, all else {format_delta(grown.own_bytes)}"
    cost = f". A node that has the earlier image pulls {format_pull(difference.cost)}" if difference.cost else ""
    shown, rest = grown.split_largest(rows)
    told = [
        (
            format_delta(each.delta_bytes),
            _name_owner(each),
            _quote_name(format_versions(each)) if format_versions(each) else "",
        )
        for each in shown
    ]
    if rest:
        total = format_delta(sum(each.delta_bytes for each in rest))
        told.append((total, format_count(len(rest), "smaller change"), ""))
    told.append((f"**{format_delta(grown.delta_bytes)}**", "**in all**", ""))
    return f"{head}{cost}.\n\n{format_table([('Change', True), ('Owner', False), ('Version', False)], told)}"


def _name_owner(cause: Cause) -> str:
    match cause.kind:
        case "base":
            names = ", ".join(
                f"{_quote_name(row.name)} {format_delta(row.delta_bytes)}" for row in cause.parts[:_PARTS]
            )
            return f"base image: {names}"
        case "layer":
            return f"layer {format_code(strip_prelude(cause.name), _INSTRUCTION)}"
        case "waste" | "bytecode" | "owner":
            known = CATEGORIES.get(cause.category)
            kind = known.prefix or known.title if known else cause.category
            return f"{escape_prose(kind, _NAME)} {_quote_name(cause.name)}"
    assert_never(cause.kind)


def _render_layers(layers: Sequence[Layer], limit: int) -> str:
    """Return the layers in order; if there are many, only the largest."""
    largest = sorted(layers, key=lambda each: -each.shipped_bytes)
    shown, rest = largest[:limit], largest[limit:]
    rows = [
        (
            str(each.index),
            format_size(each.shipped_bytes),
            format_pull(read_layer_pull(each)),
            name_origin(each),
            format_code(strip_prelude(each.instruction), _INSTRUCTION),
        )
        for each in sorted(shown, key=lambda each: each.index)
    ]
    if rest:
        total = format_size(sum(each.shipped_bytes for each in rest))
        rows.append(("", total, "", "", format_count(len(rest), "smaller layer")))
    return format_table(
        [("Layer", True), ("Shipped", True), ("Pull", True), ("From", False), ("Instruction", False)], rows
    )


def _render_waste(image: Image, limit: int) -> str:
    shown, rest = image.waste[:limit], image.waste[limit:]
    rows = [_render_waste_row(row) for row in shown]
    if rest:
        rows.append((format_size(sum(row.bytes for row in rest)), format_count(len(rest), "smaller cause"), "", ""))
    return format_table([("Wasted", True), ("What", False), ("Layers", False), ("What to do", False)], rows)


def _render_waste_row(row: Waste) -> tuple[str, ...]:
    what = f"{escape_prose(row.cause.replace('-', ' '), _NAME)}: {format_code(row.path)}"
    return format_size(row.bytes), what, f"{row.shipped_by} → {row.killed_by}", escape_prose(row.remedy)


def _quote_name(text: str) -> str:
    return format_code(text, _NAME)
