"""Builds the first table of a report as text, and formats bytes, times and counts the same way in every format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from weighbridge.model.report import Image, Layer, Pull, Rebuild
from weighbridge.report.units import format_seconds, format_size

if TYPE_CHECKING:
    from weighbridge.model.smoke import RuleCounts, Standing
    from weighbridge.report.comparison import Comparison
    from weighbridge.report.summary import Summary

UNKNOWN = "unknown"
MISSING = "–"  # noqa: RUF001 - a dash, where there is no value
_CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One column of the table: its name, and a cell for each variant, in the report's order."""

    name: str
    cells: tuple[str, ...]


def list_answers(summary: Summary) -> tuple[Answer, ...]:
    """Return the columns, without those for which no variant has data."""
    found = []
    for name, told in _QUESTIONS.items():
        cells = tuple(told(image, summary) for image in summary.report.images)
        if name in _ALWAYS or set(cells) - {MISSING, UNKNOWN}:
            found.append(Answer(name=name, cells=cells))
    return tuple(found)


def format_bytes(count: int | None) -> str:
    """Return bytes as text; `unknown` if they were not measured."""
    return UNKNOWN if count is None else format_size(count)


def format_pull(pull: Pull | None) -> str:
    """Return the bytes of a pull as text, with `~` before an estimate."""
    if pull is None:
        return UNKNOWN
    match pull.basis:
        case "exact":
            return format_size(pull.bytes)
        case "estimated":
            return f"~{format_size(pull.bytes)}"
    assert_never(pull.basis)


def read_layer_pull(layer: Layer) -> Pull | None:
    """Return what a layer adds to a pull; None if that is unknown."""
    if layer.pull_bytes is None:
        return None
    return Pull(bytes=layer.pull_bytes, basis="exact" if layer.blob else "estimated")


def format_versions(before: str | None, after: str | None) -> str:
    """Return an owner's version, or both versions if it changed; empty if it has no version."""
    return after or "" if before == after else f"{before or 'none'} → {after or 'none'}"


def name_origin(layer: Layer) -> str:
    """Return whether a layer came with the base: `base`, `ours` or `unknown`."""
    return {True: "base", False: "ours", None: UNKNOWN}[layer.in_base]


def format_delta(count: int) -> str:
    """Return a change in bytes, with its sign unless it is 0."""
    return f"+{format_size(count)}" if count > 0 else format_size(count)


def find_comparison(summary: Summary, variant: str) -> Comparison | None:
    """Return what changed in a variant since the baseline; None if it is not compared."""
    return summary.baseline.find(variant) if summary.baseline else None


def describe_standing(standing: Standing | None) -> str:
    """Return how the last smoke test went, in a sign and words: `✓ 42 of 44 rules hold, 2 waived`."""
    if standing is None:
        return "not tried"
    if not standing.ok and not standing.failed and not standing.untried:
        return "✗ fails"
    return f"{'✓' if standing.ok else '✗'} {describe_rules(standing.counts)}"


def describe_rules(counts: RuleCounts, noun: str = "rule") -> str:
    """Return how many rules hold or, if some fail, how many fail; then how many are waived, noted or not tried.

    For example `42 of 44 rules hold, 2 waived` or `1 of 44 rules fails, 3 not tried`.
    """
    count, verb = (counts.failed, "fail") if counts.failed else (counts.held, "hold")
    ending = "s" if 1 in {count, counts.total} else ""
    told = [f"{count} of {format_count(counts.total, noun)} {verb}{ending}"]
    told += [f"{counts.waived} waived"] if counts.waived else []
    told += [f"{counts.noted} noted for `hardened`"] if counts.noted else []
    told += [f"{counts.untried} not tried"] if counts.untried else []
    return ", ".join(told)


def describe_proof(summary: Summary, variant: str) -> str:
    """Return `42 of 44 smoke rules hold, 2 waived` of a variant; empty if no smoke test tried it."""
    standing = summary.standings.get(variant)
    return describe_rules(standing.counts, "smoke rule") if standing else ""


def format_count(count: int, noun: str) -> str:
    """Return a number and a noun: `1 rule`, `2 rules`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def format_moment(stamp: str) -> str:
    """Return a record's ISO 8601 time as `2026-11-24 13:44`."""
    return stamp[:16].replace("T", " ")


def format_over_base(image: Image) -> str:
    """Return how many bytes an image ships in addition to its base; `unknown` without a base."""
    return format_size(image.shipped_bytes - image.base.shipped_bytes) if image.base else UNKNOWN


def describe_base(image: Image) -> str:
    """Return what an image stands on, and how that is known where no label tells it."""
    if image.base is None:
        return "base unknown or changed since the build"
    standin = f", a stand-in for {image.base.stands_for}" if image.base.stands_for else ""
    return f"on {image.base.reference}{' (by its layers)' if image.base.known_by == 'layers' else ''}{standin}"


def format_waste(image: Image) -> str:
    """Return how many bytes an image wastes."""
    return format_bytes(image.wasted_bytes)


def is_new(summary: Summary, variant: str) -> bool:
    """Return whether the baseline does not have a variant."""
    return summary.baseline is not None and summary.baseline.find_image(variant) is None


def format_ready(standing: Standing | None) -> str:
    """Return how long the API took to be ready in the last smoke test."""
    after = standing.figures.api_ready_seconds if standing else None
    return MISSING if after is None else format_seconds(after)


def _describe_change(image: Image, summary: Summary) -> str:
    found = find_comparison(summary, image.variant)
    if found is not None:
        return format_delta(found.delta_bytes)
    if is_new(summary, image.variant):
        return "new"
    return "not compared" if summary.baseline and image.variant in summary.baseline.refusals else MISSING


def _describe_code_change(image: Image, _: Summary) -> str:
    found = find_code_change(image)
    return f"{format_pull(found.pull)}, {format_seconds(found.seconds)}" if found else MISSING


def find_code_change(image: Image) -> Rebuild | None:
    """Return the cost of the change named `code`; None if it was not measured."""
    return next((each for each in image.rebuilds if each.change == _CODE), None)


def _describe_smoke(image: Image, summary: Summary) -> str:
    return describe_standing(summary.standings.get(image.variant))


def _count_findings(image: Image, _: Summary) -> str:
    levels: Sequence[str] = [each.level for each in image.findings]
    told = [format_count(levels.count(level), level) for level in ("error", "warning") if level in levels]
    return ", ".join(told) or MISSING


_QUESTIONS: Mapping[str, Callable[[Image, Summary], str]] = {
    "Shipped": lambda image, _: format_size(image.shipped_bytes),
    "Pull": lambda image, _: format_pull(image.pull),
    "Over base": lambda image, _: format_over_base(image),
    "Waste": lambda image, _: format_waste(image),
    "Change": _describe_change,
    "Code change": _describe_code_change,
    "API ready": lambda image, summary: format_ready(summary.standings.get(image.variant)),
    "Smoke": _describe_smoke,
    "Findings": _count_findings,
}
_ALWAYS = {"Shipped", "Smoke"}


def join_words(words: Sequence[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
