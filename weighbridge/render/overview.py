"""Builds the first table of a report as text, and formats bytes, times and counts the same way in every format."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from weighbridge.model.report import Image, Layer, Pull, Rebuild
from weighbridge.model.smoke import RuleCounts, Standing
from weighbridge.report.comparison import Comparison
from weighbridge.report.summary import Summary
from weighbridge.report.units import seconds, size

UNKNOWN = "unknown"
MISSING = "–"  # noqa: RUF001 - a dash, where there is no value
_CODE = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One column of the table: its name, and a cell for each variant, in the report's order."""

    name: str
    cells: tuple[str, ...]


def answers(summary: Summary) -> tuple[Answer, ...]:
    """Return the columns, without those for which no variant has data."""
    found = []
    for name, told in _QUESTIONS.items():
        cells = tuple(told(image, summary) for image in summary.report.images)
        if name in _ALWAYS or set(cells) - {MISSING, UNKNOWN}:
            found.append(Answer(name=name, cells=cells))
    return tuple(found)


def known(count: int | None) -> str:
    """Return bytes as text; `unknown` if they were not measured."""
    return UNKNOWN if count is None else size(count)


def pulled(pull: Pull | None) -> str:
    """Return the bytes of a pull as text, with `~` before an estimate."""
    if pull is None:
        return UNKNOWN
    match pull.basis:
        case "exact":
            return size(pull.bytes)
        case "estimated":
            return f"~{size(pull.bytes)}"
    assert_never(pull.basis)


def pull_of(layer: Layer) -> Pull | None:
    """Return what a layer adds to a pull; None if that is unknown."""
    if layer.pull_bytes is None:
        return None
    return Pull(bytes=layer.pull_bytes, basis="exact" if layer.blob else "estimated")


def versions(before: str | None, after: str | None) -> str:
    """Return an owner's version, or both versions if it changed; empty if it has no version."""
    return after or "" if before == after else f"{before or 'none'} → {after or 'none'}"


def origin(layer: Layer) -> str:
    """Return whether a layer came with the base: `base`, `ours` or `unknown`."""
    return {True: "base", False: "ours", None: UNKNOWN}[layer.in_base]


def signed(count: int) -> str:
    """Return a change in bytes, with its sign unless it is 0."""
    return f"+{size(count)}" if count > 0 else size(count)


def of_variant(summary: Summary, variant: str) -> Comparison | None:
    """Return what changed in a variant since the baseline; None if it is not compared."""
    return summary.baseline.find(variant) if summary.baseline else None


def stood(standing: Standing | None) -> str:
    """Return how the last smoke test went, in a sign and words: `✓ 42 of 44 rules hold, 2 waived`."""
    if standing is None:
        return "not tried"
    if not standing.ok and not standing.failed and not standing.untried:
        return "✗ fails"
    return f"{'✓' if standing.ok else '✗'} {describe_rules(standing.counts)}"


def describe_rules(counts: RuleCounts, noun: str = "rule") -> str:
    """Return how many rules hold or, if some fail, how many fail; then how many are waived or were not tried.

    For example `42 of 44 rules hold, 2 waived` or `1 of 44 rules fails, 3 not tried`.
    """
    count, verb = (counts.failed, "fail") if counts.failed else (counts.held, "hold")
    ending = "s" if 1 in {count, counts.total} else ""
    told = [f"{count} of {counted(counts.total, noun)} {verb}{ending}"]
    told += [f"{counts.waived} waived"] if counts.waived else []
    told += [f"{counts.untried} not tried"] if counts.untried else []
    return ", ".join(told)


def describe_proof(summary: Summary, variant: str) -> str:
    """Return `42 of 44 smoke rules hold, 2 waived` of a variant; empty if no smoke test tried it."""
    standing = summary.standings.get(variant)
    return describe_rules(standing.counts, "smoke rule") if standing else ""


def counted(count: int, noun: str) -> str:
    """Return a number and a noun: `1 rule`, `2 rules`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def moment(stamp: str) -> str:
    """Return a record's ISO 8601 time as `2026-11-24 13:44`."""
    return stamp[:16].replace("T", " ")


def over_base(image: Image) -> str:
    """Return how many bytes an image ships in addition to its base; `unknown` without a base."""
    return size(image.shipped_bytes - image.base.shipped_bytes) if image.base else UNKNOWN


def stands_on(image: Image) -> str:
    """Return what an image stands on, and how that is known where no label tells it."""
    if image.base is None:
        return "base unknown or changed since the build"
    return f"on {image.base.reference}{' (by its layers)' if image.base.known_by == 'layers' else ''}"


def wasted(image: Image) -> str:
    """Return how many bytes an image wastes."""
    return known(image.wasted_bytes)


def is_new(summary: Summary, variant: str) -> bool:
    """Return whether the baseline does not have a variant."""
    return summary.baseline is not None and summary.baseline.find_image(variant) is None


def ready(standing: Standing | None) -> str:
    """Return how long the API took to be ready in the last smoke test."""
    after = standing.figures.api_ready_seconds if standing else None
    return MISSING if after is None else seconds(after)


def _change(image: Image, summary: Summary) -> str:
    found = of_variant(summary, image.variant)
    if found is not None:
        return signed(found.delta_bytes)
    if is_new(summary, image.variant):
        return "new"
    return "not compared" if summary.baseline and image.variant in summary.baseline.refusals else MISSING


def _code_change(image: Image, _: Summary) -> str:
    found = code_change(image)
    return f"{pulled(found.pull)}, {seconds(found.seconds)}" if found else MISSING


def code_change(image: Image) -> Rebuild | None:
    """Return the cost of the change named `code`; None if it was not measured."""
    return next((each for each in image.rebuilds if each.change == _CODE), None)


def _smoke(image: Image, summary: Summary) -> str:
    return stood(summary.standings.get(image.variant))


def _findings(image: Image, _: Summary) -> str:
    levels: Sequence[str] = [each.level for each in image.findings]
    told = [counted(levels.count(level), level) for level in ("error", "warning") if level in levels]
    return ", ".join(told) or MISSING


_QUESTIONS: Mapping[str, Callable[[Image, Summary], str]] = {
    "Shipped": lambda image, _: size(image.shipped_bytes),
    "Pull": lambda image, _: pulled(image.pull),
    "Over base": lambda image, _: over_base(image),
    "Waste": lambda image, _: wasted(image),
    "Change": _change,
    "Code change": _code_change,
    "API ready": lambda image, summary: ready(summary.standings.get(image.variant)),
    "Smoke": _smoke,
    "Findings": _findings,
}
_ALWAYS = {"Shipped", "Smoke"}
