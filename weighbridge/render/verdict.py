"""Sums up a report in a sentence: over budget, does not run, grew and why, unchanged, or not compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, assert_never

from weighbridge.image import categories
from weighbridge.image.packages.ecosystems import ECOSYSTEMS
from weighbridge.image.prelude import strip_prelude
from weighbridge.render import overview
from weighbridge.render.overview import format_count, format_delta
from weighbridge.report.base_release import find_release_change
from weighbridge.report.units import format_size

if TYPE_CHECKING:
    from weighbridge.model.report import Image, Report, Waste
    from weighbridge.report.comparison import Comparison
    from weighbridge.report.growth import Cause
    from weighbridge.report.summary import Summary

_BUDGET = "budget-"
_NAMES = 3
_PACKAGES = frozenset(each.category for each in ECOSYSTEMS)


def state_verdict(summary: Summary, quote: Callable[[str], str] = str) -> str:
    """Return one or more sentences, without the last full stop.

    Args:
        summary: What to sum up.
        quote: Escapes text from an image as the format requires.
    """
    return ". ".join((*list_faults(summary, quote), describe_change(summary, quote)))


def list_faults(summary: Summary, quote: Callable[[str], str] = str) -> Iterator[str]:
    """Yield which variants are over budget, and which do not run; arguments as in `state_verdict`."""
    over = [
        image.variant
        for image in summary.report.images
        if any(each.level == "error" and each.rule.startswith(_BUDGET) for each in image.findings)
    ]
    if over:
        yield f"Over budget: {_list_names(over, quote)}"
    failing = [each.variant for each in summary.report.images if is_failing(summary, each.variant)]
    if failing:
        yield f"Does not run: {_list_names(failing, quote)}"


def is_failing(summary: Summary, variant: str) -> bool:
    """Return whether a variant failed its last smoke test."""
    standing = summary.standings.get(variant)
    return standing is not None and not standing.ok


def describe_change(summary: Summary, quote: Callable[[str], str] = str) -> str:
    """Return what changed most since the baseline, and why; arguments as in `state_verdict`."""
    baseline = summary.baseline
    if baseline is None:
        return "No baseline, so nothing is compared"
    label = quote(baseline.label)
    if not baseline.comparisons:
        return f"Nothing can be compared with {label}"
    from weighbridge.report.comparison import find_largest  # noqa: PLC0415 - most reports have no baseline

    most = find_largest(baseline.comparisons)
    if not most.delta_bytes:
        return f"Unchanged in size since {label}"
    if most.is_noise:
        return f"Almost unchanged since {label}: {quote(most.variant)} {format_delta(most.delta_bytes)}"
    verb = "grew" if most.delta_bytes > 0 else "shrank"
    because = describe_cause(summary, most, quote)
    why = f" because of {because}" if because else ""
    apart = f"; {describe_drift(most)}" if describe_drift(most) else ""
    return f"{quote(most.variant)} {verb} by {format_size(abs(most.delta_bytes))}{why}{apart}"


def describe_cause(summary: Summary, comparison: Comparison, quote: Callable[[str], str] = str) -> str:
    """Return the largest cause of a change, with its bytes; empty if nothing changed in the same direction."""
    largest = _find_largest_causes(comparison)
    if not largest:
        return ""
    is_one = len(largest) == 1
    told = _name_cause(largest[0], summary, comparison.variant, quote) if is_one else _describe_packages(largest, quote)
    return f"{told} ({format_delta(_sum(largest))})"


def describe_drift(comparison: Comparison) -> str:
    """Return how much of a change comes from the base image and how much does not; empty if the base did not change.

    It stands beside `describe_cause`, and does not repeat its bytes.
    """
    grown = comparison.growth
    if abs(grown.base_bytes) < comparison.noise_bytes:
        return ""
    rest = f"all else {format_delta(grown.own_bytes)}"
    is_in_cause = any(each.kind == "base" for each in _find_largest_causes(comparison))
    return rest if is_in_cause else f"base image {format_delta(grown.base_bytes)}, {rest}"


def find_remedy(summary: Summary, comparison: Comparison) -> str:
    """Return a sentence with what to change if the largest cause of a change is waste; otherwise empty.

    A change below the noise limit needs no remedy.
    """
    largest = () if comparison.is_noise else _find_largest_causes(comparison)
    if not largest or largest[0].kind != "waste":
        return ""
    worst = _find_worst(_find_image(summary.report, comparison.variant), largest[0].name)
    return worst.remedy if worst else ""


def _find_largest_causes(comparison: Comparison) -> Sequence[Cause]:
    """Return the largest cause in the direction of a change, or the added packages if together they are larger."""
    sign = 1 if comparison.delta_bytes > 0 else -1
    same = [each for each in comparison.growth.causes if each.delta_bytes * sign > 0]
    together = _group_packages(same)
    return together if abs(_sum(together)) > abs(_sum(same[:1])) else same[:1]


def _group_packages(causes: Sequence[Cause]) -> list[Cause]:
    """Return the packages of one manager that were added or removed: a requested package brings others with it."""
    groups: defaultdict[str, list[Cause]] = defaultdict(list)
    for each in causes:
        if each.category in _PACKAGES and (each.before_version is None) != (each.after_version is None):
            groups[each.category].append(each)
    return max(groups.values(), key=lambda group: abs(_sum(group)), default=[])


def _sum(causes: Sequence[Cause]) -> int:
    return sum(each.delta_bytes for each in causes)


def _describe_packages(causes: Sequence[Cause], quote: Callable[[str], str]) -> str:
    first = causes[0]
    came = "new" if first.before_version is None else "removed"
    return f"{came} {categories.CATEGORIES[first.category].title} {_list_names([each.name for each in causes], quote)}"


def format_versions(found: Cause) -> str:
    """Return a cause's version, such as `2.1`, or `2.1 → 2.2` if it changed; empty if it has no version."""
    if found.kind == "base":
        releases = find_release_change(found.parts)
        return f"{releases[0]} {releases[1]} → {releases[2]}" if releases else ""
    return overview.format_versions(found.before_version, found.after_version)


def _name_cause(found: Cause, summary: Summary, variant: str, quote: Callable[[str], str]) -> str:
    """Return a cause's name in a sentence."""
    version = f" {quote(format_versions(found))}" if format_versions(found) else ""
    match found.kind:
        case "base":
            return f"the base image{_describe_rename(summary, variant, quote) or version}"
        case "layer":
            return f"the layer {quote(strip_prelude(found.name))}"
        case "waste":
            wasted_by = _name_waster(_find_image(summary.report, variant), found.name, quote)
            return f"waste ({found.name.replace('-', ' ')}){wasted_by}"
        case "bytecode":
            return f"bytecode of {quote(found.name)}{version}"
        case "owner":
            return f"{quote(found.name)}{version}"
    assert_never(found.kind)


def _describe_rename(summary: Summary, variant: str, quote: Callable[[str], str]) -> str:
    """Return the old and the new base image if somebody chose another one; otherwise empty."""
    reports = (summary.baseline.report if summary.baseline else None, summary.report)
    images = [_find_image(report, variant) if report else None for report in reports]
    before, after = (image.base.reference if image and image.base else "" for image in images)
    return f" {quote(before)} → {quote(after)}" if before and after and before != after else ""


def _find_image(report: Report, variant: str) -> Image | None:
    return next((each for each in report.images if each.variant == variant), None)


def _name_waster(image: Image | None, why: str, quote: Callable[[str], str]) -> str:
    """Return the instruction that wasted most for that reason."""
    worst = _find_worst(image, why)
    if image is None or worst is None:
        return ""
    made = next((layer.instruction for layer in image.layers if layer.index == worst.killed_by), "")
    return f" by {quote(strip_prelude(made))}" if made else ""


def _find_worst(image: Image | None, why: str) -> Waste | None:
    rows = [row for row in image.waste if row.cause == why] if image else []
    return max(rows, key=lambda row: row.bytes, default=None)


def _list_names(names: Sequence[str], quote: Callable[[str], str]) -> str:
    told = [quote(name) for name in names[:_NAMES]]
    rest = names[_NAMES:]
    return ", ".join((*told, f"{format_count(len(rest), 'other')}") if rest else told)
