"""Checks a report against the budgets in invoke.yaml: a finding names the limit, the figure and the largest cause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from weighbridge.errors import OverBudget
from weighbridge.image.prelude import strip_prelude
from weighbridge.model.report import BASE, WASTED, Finding, Image, Level, Report
from weighbridge.report.metrics import METRICS, Figure, Metric, name_owner
from weighbridge.report.units import format_size
from weighbridge.settings.values import Size

if TYPE_CHECKING:
    from weighbridge.report.comparison import Comparison
    from weighbridge.report.difference import LedgerDifference, VariantDifference
    from weighbridge.report.summary import Baseline
    from weighbridge.settings.budgets import Budgets, Growth, Limit
    from weighbridge.settings.project import Settings

PREFIX = "budget-"
"""The prefix of every budget's rule."""
_Excess = tuple[Level, str]
"""The level and message of a figure that is over its limit."""
_Earlier = tuple[str, Image]
"""The baseline's label and its image of a variant, if the variant can be compared."""
_Kind = Literal["hard", "soft"]
_GROWTH = f"{PREFIX}growth"
_GROWTH_UNJUDGED = f"{PREFIX}growth-unjudged"
_LEVELS: tuple[tuple[_Kind, Level], ...] = (("hard", "error"), ("soft", "warning"))
_CLOSE = 100
"""A figure that exceeds its limit by less than a hundredth is printed in bytes: rounded, both would look the same."""
_BINARY = "iB"


def check(report: Report, settings: Settings, baseline: Baseline | None = None) -> Report:
    """Return the report with the findings of all budgets in its images; they replace those of an earlier check.

    A figure above a hard limit is an error. A figure above a soft limit is a warning, and so is a limit that cannot be
    checked. Images that are not variants of the settings have no budgets.

    Args:
        report: The report to check.
        settings: The project's settings.
        baseline: The earlier report; without one, growth is not checked.
    """
    return replace(report, images=tuple(_check_image(image, settings, baseline) for image in report.images))


def enforce(report: Report) -> None:
    """Raise an error if an image of a checked report is above a hard limit.

    Raises:
        OverBudget: Names the variants and the limits; the report's findings say by how much.
    """
    over = {
        image.variant: [
            each.rule.removeprefix(PREFIX)
            for each in image.findings
            if each.rule.startswith(PREFIX) and each.level == "error"
        ]
        for image in report.images
    }
    told = [f"{variant} ({', '.join(rules)})" for variant, rules in over.items() if rules]
    if told:
        raise OverBudget(f"Over budget: {', '.join(told)}")


def _check_image(image: Image, settings: Settings, baseline: Baseline | None) -> Image:
    others = tuple(each for each in image.findings if not each.rule.startswith(PREFIX))
    found = _list_findings(image, settings.budgets, baseline) if image.variant in settings.variants else ()
    return replace(image, findings=(*others, *found))


def _list_findings(image: Image, budgets: Budgets, baseline: Baseline | None) -> Iterator[Finding]:
    """Yield the findings of one variant, at most one for each limit."""
    limits = budgets.get_limits(image.variant)
    comparison = baseline.find(image.variant) if baseline else None
    then = baseline.find_image(image.variant) if baseline and comparison else None
    earlier = (baseline.label, then) if baseline and then else None
    for metric in METRICS:
        limit: Limit[Size] | None = getattr(limits, metric.name)
        if limit:
            rule = f"{PREFIX}{metric.name.replace('_', '-')}"
            told = _check_size(metric, image, limit, earlier)
            if told:
                yield Finding(rule=rule, level=told[0], message=told[1])
    if limits.growth and comparison and earlier:
        told = _check_growth(image, limits.growth, comparison, earlier)
        if told:
            yield Finding(rule=_GROWTH, level=told[0], message=told[1])
    elif limits.growth and baseline:
        why = baseline.refusals[image.variant]
        message = f"growth since {baseline.label}: its limit is not checked, because {why}"
        yield Finding(rule=_GROWTH_UNJUDGED, level="warning", message=message)


def _check_size(metric: Metric, image: Image, limit: Limit[Size], earlier: _Earlier | None) -> _Excess | None:
    """Return level and message if a figure is over its limit; otherwise None."""
    figure = metric.figure(image)
    if figure is None:
        return "warning", f"{metric.title}: its limit is not checked, because {metric.unknown}"
    for kind, level in _LEVELS:
        allowed: Size | None = getattr(limit, kind)
        if allowed and figure.bytes > allowed.bytes:
            told = f"{metric.title}: {_describe_excess(figure, allowed, kind)}"
            already = _describe_earlier(earlier, metric, figure, allowed) if earlier else ""
            return level, _join(told, already, figure.largest)
    return None


def _describe_excess(figure: Figure, allowed: Size, kind: _Kind) -> str:
    """Return the figure and its excess: `160 MB is 10.0 MB over the limit of 150 MB`."""
    excess, limit = figure.bytes - allowed.bytes, f"{_name_limit(kind)} of {_format_limit(allowed)}"
    if figure.estimated:
        return f"~{format_size(figure.bytes)} (estimated) is ~{format_size(excess)} over the {limit}"
    amount = f"{figure.bytes:,} B" if excess * _CLOSE < figure.bytes else format_size(figure.bytes)
    return f"{amount} is {format_size(excess)} over the {limit}"


def _name_limit(kind: _Kind) -> str:
    return "limit" if kind == "hard" else f"{kind} limit"


def _format_limit(allowed: Size) -> str:
    """Return a limit as it is written in invoke.yaml, and in decimal units as well if it is written in binary ones."""
    if allowed.written.isdecimal():
        return format_size(allowed.bytes)
    return f"{allowed.written} ({format_size(allowed.bytes)})" if allowed.written.endswith(_BINARY) else allowed.written


def _describe_earlier(earlier: _Earlier, metric: Metric, figure: Figure, allowed: Size) -> str:
    """Say that the earlier image was over the limit, too: then the change is not to blame."""
    label, image = earlier
    before = metric.figure(image)
    if before is None or before.estimated != figure.estimated or before.bytes <= allowed.bytes:
        return ""
    return f"already over it in {label}: {'~' if before.estimated else ''}{format_size(before.bytes)}"


def _check_growth(image: Image, growth: Growth, comparison: Comparison, earlier: _Earlier) -> _Excess | None:
    """Return level and message if an image grew too much, apart from its base; otherwise None."""
    label, before = earlier
    change = comparison.difference
    base, own = comparison.growth.base_bytes, comparison.growth.own_bytes
    whole = before.shipped_bytes - (before.base.shipped_bytes if before.base else 0)
    for kind, level in _LEVELS if own >= comparison.noise_bytes else ():
        allowed = _compute_allowance(growth, kind, whole)
        if allowed and own > allowed[0]:
            share = f" ({100 * own / whole:.1f} %)" if whole else ""
            told = f"growth since {label}: {format_size(own)}{share} of its own"
            told += f" is {format_size(own - allowed[0])} over the {_name_limit(kind)} of {allowed[1]}"
            return level, _join(told, _name_largest_growth(change, image), _describe_drift(base))
    return None


def _compute_allowance(growth: Growth, kind: _Kind, whole: int) -> tuple[int, str] | None:
    """Return how many bytes of growth are allowed, and the limits in words; None if there is no limit of that kind.

    Growth is too much if it exceeds both the bytes and the percentage, so the larger of the two counts. If only one of
    them has a limit of that kind, the other one's remaining limit stands in.
    """
    parts = [part for part in (growth.bytes, growth.percent) if part]
    if all(getattr(part, kind) is None for part in parts):
        return None
    counts, words = list[int](), list[str]()
    for part in parts:
        value: Size | float = next(each for each in (getattr(part, kind), part.hard, part.soft) if each is not None)
        counts.append(value.bytes if isinstance(value, Size) else int(whole * value / 100))
        words.append(_format_limit(value) if isinstance(value, Size) else f"{value:g} %")
    return max(counts), " and ".join(words)


def _name_largest_growth(change: VariantDifference, image: Image) -> str:
    """Return the owner that grew most, apart from the base, with its versions; for waste, the instruction behind it."""
    rows = (row for row in change.ledger if row.category != BASE and row.delta_bytes > 0)
    row = max(rows, key=lambda row: row.delta_bytes, default=None)
    if row is None:
        return ""
    told = name_owner(row.name, row.category, _format_versions(row))
    if row.category == WASTED:
        worst = max((each for each in image.waste if each.cause == row.name), key=lambda each: each.bytes, default=None)
        made = next((each.instruction for each in image.layers if worst and each.index == worst.killed_by), None)
        told = f"{row.name} waste by {strip_prelude(made)}" if made else told
    return f"largest: {told}, +{format_size(row.delta_bytes)}"


def _format_versions(row: LedgerDifference) -> str | None:
    if row.before_version == row.after_version:
        return row.after_version
    return f"{row.before_version or 'none'} -> {row.after_version or 'none'}"


def _describe_drift(base: int) -> str:
    """Say how much the base changed, which does not count against the variant."""
    if base > 0:
        return f"the base grew by {format_size(base)} apart from that"
    return f"the base shrank by {format_size(-base)} apart from that" if base < 0 else ""


def _join(*parts: str) -> str:
    return "; ".join(filter(None, parts))
