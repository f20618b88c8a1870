"""What a report comes to, in a sentence: over budget, does not run, grew because of what, unchanged, not compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from weighbridge.image import categories
from weighbridge.image.packages.ecosystems import ECOSYSTEMS
from weighbridge.image.prelude import strip_prelude
from weighbridge.model.report import Image, Report, Waste
from weighbridge.render import overview
from weighbridge.render.overview import counted, signed
from weighbridge.report import growth
from weighbridge.report.base_release import find_release_change
from weighbridge.report.comparison import Comparison, find_largest
from weighbridge.report.growth import Cause
from weighbridge.report.summary import Summary
from weighbridge.report.units import size

_BUDGET = "budget-"
_NAMES = 3
_PACKAGES = frozenset(each.category for each in ECOSYSTEMS)


def verdict(summary: Summary, quote: Callable[[str], str] = str) -> str:
    """Return the sentence, or several, without the last point.

    Args:
        summary: What it is about.
        quote: Makes text that comes from an image fit for the format.
    """
    return ". ".join((*faults(summary, quote), change(summary, quote)))


def faults(summary: Summary, quote: Callable[[str], str] = str) -> Iterator[str]:
    """Yield which variants are over budget and which do not run; arguments as in `verdict`."""
    over = [
        image.variant
        for image in summary.report.images
        if any(each.level == "error" and each.rule.startswith(_BUDGET) for each in image.findings)
    ]
    if over:
        yield f"Over budget: {_listed(over, quote)}"
    failing = [each.variant for each in summary.report.images if fails(summary, each.variant)]
    if failing:
        yield f"Does not run: {_listed(failing, quote)}"


def fails(summary: Summary, variant: str) -> bool:
    """Return whether the last smoke test of a variant found a rule that does not hold."""
    standing = summary.standings.get(variant)
    return standing is not None and not standing.ok


def change(summary: Summary, quote: Callable[[str], str] = str) -> str:
    """Return what changed most since the baseline, and why; arguments as in `verdict`."""
    baseline = summary.baseline
    if baseline is None:
        return "No baseline, so nothing is compared"
    label = quote(baseline.label)
    if not baseline.comparisons:
        return f"Nothing can be compared with {label}"
    most = find_largest(baseline.comparisons)
    if not most.delta_bytes:
        return f"Unchanged in size since {label}"
    if most.is_noise:
        return f"Next to unchanged since {label}: {quote(most.variant)} {signed(most.delta_bytes)}"
    verb = "grew" if most.delta_bytes > 0 else "shrank"
    because = cause(summary, most, quote)
    why = f" because of {because}" if because else ""
    apart = f"; {drift(most)}" if drift(most) else ""
    return f"{quote(most.variant)} {verb} by {size(abs(most.delta_bytes))}{why}{apart}"


def cause(summary: Summary, comparison: Comparison, quote: Callable[[str], str] = str) -> str:
    """Return the largest part of a change, with its bytes; empty where nothing changed in the same direction."""
    largest = _largest(comparison)
    if not largest:
        return ""
    is_one = len(largest) == 1
    told = _told(largest[0], summary, comparison.variant, quote) if is_one else _packages(largest, quote)
    return f"{told} ({signed(_sum(largest))})"


def drift(comparison: Comparison) -> str:
    """Return what of a change the base image did and what all else, beside `cause`; empty where the base stayed."""
    grown = comparison.growth
    if abs(grown.base_bytes) < comparison.noise_bytes:
        return ""
    rest = f"all else {signed(grown.own_bytes)}"
    is_told = any(each.category == growth.BASE for each in _largest(comparison))  # then `cause` has its bytes
    return rest if is_told else f"base image {signed(grown.base_bytes)}, {rest}"


def remedy(summary: Summary, comparison: Comparison) -> str:
    """Return what to change where the largest part of a change is waste: a sentence; empty elsewhere."""
    largest = _largest(comparison)
    if not largest or largest[0].category != categories.WASTED:
        return ""
    worst = _worst(_image(summary.report, comparison.variant), largest[0].name)
    return worst.remedy if worst else ""


def _largest(comparison: Comparison) -> Sequence[Cause]:
    """Return the largest cause in the direction of a change, or the packages that together are larger."""
    sign = 1 if comparison.delta_bytes > 0 else -1
    same = [each for each in comparison.growth.causes if each.delta_bytes * sign > 0]
    together = _together(same)
    return together if abs(_sum(together)) > abs(_sum(same[:1])) else same[:1]


def _together(causes: Sequence[Cause]) -> list[Cause]:
    """Return the packages of one manager that came, or went, at once: who asks for one gets what it needs, too."""
    groups = defaultdict[str, list[Cause]](list)
    for each in causes:
        if each.category in _PACKAGES and (each.before_version is None) != (each.after_version is None):
            groups[each.category].append(each)
    return max(groups.values(), key=lambda group: abs(_sum(group)), default=[])


def _sum(causes: Sequence[Cause]) -> int:
    return sum(each.delta_bytes for each in causes)


def _packages(causes: Sequence[Cause], quote: Callable[[str], str]) -> str:
    first = causes[0]
    came = "new" if first.before_version is None else "removed"
    return f"{came} {categories.CATEGORIES[first.category].title} {_listed([each.name for each in causes], quote)}"


def versions(found: Cause) -> str:
    """Return `2.1`, or `2.1 → 2.2` where it changed; nothing where there is none."""
    if found.category == growth.BASE:
        releases = find_release_change(found.parts)
        return f"{releases[0]} {releases[1]} → {releases[2]}" if releases else ""
    return overview.versions(found.before_version, found.after_version)


def _told(found: Cause, summary: Summary, variant: str, quote: Callable[[str], str]) -> str:
    """Return what a change is called in a sentence."""
    version = f" {quote(versions(found))}" if versions(found) else ""
    match found.category:
        case growth.BASE:
            return f"the base image{_renamed(summary, variant, quote) or version}"
        case growth.LAYER:
            return f"the layer {quote(strip_prelude(found.name))}"
        case categories.WASTED:
            wasted_by = _wasted_by(_image(summary.report, variant), found.name, quote)
            return f"waste ({found.name.replace('-', ' ')}){wasted_by}"
        case categories.BYTECODE:
            return f"bytecode of {quote(found.name)}{version}"
    return f"{quote(found.name)}{version}"


def _renamed(summary: Summary, variant: str, quote: Callable[[str], str]) -> str:
    """Return both names of the base image, which is what somebody changed; empty where it kept its name."""
    reports = (summary.baseline.report if summary.baseline else None, summary.report)
    images = [_image(report, variant) if report else None for report in reports]
    before, after = (image.base.reference if image and image.base else "" for image in images)
    return f" {quote(before)} → {quote(after)}" if before and after and before != after else ""


def _image(report: Report, variant: str) -> Image | None:
    return next((each for each in report.images if each.variant == variant), None)


def _wasted_by(image: Image | None, why: str, quote: Callable[[str], str]) -> str:
    """Return which instruction wasted most for that reason."""
    worst = _worst(image, why)
    if image is None or worst is None:
        return ""
    made = next((layer.instruction for layer in image.layers if layer.index == worst.killed_by), "")
    return f" by {quote(strip_prelude(made))}" if made else ""


def _worst(image: Image | None, why: str) -> Waste | None:
    rows = [row for row in image.waste if row.cause == why] if image else []
    return max(rows, key=lambda row: row.bytes, default=None)


def _listed(names: Sequence[str], quote: Callable[[str], str]) -> str:
    told = [quote(name) for name in names[:_NAMES]]
    rest = names[_NAMES:]
    return ", ".join((*told, f"{counted(len(rest), 'other')}") if rest else told)
