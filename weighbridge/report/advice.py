"""Advises which variant to ship and what to cut from an image first, with the reasons."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from weighbridge.image.categories import BYTECODE, CATEGORIES
from weighbridge.image.packages.ecosystems import ECOSYSTEMS
from weighbridge.model.report import Image, Waste
from weighbridge.quoting import spell_commands
from weighbridge.report.removable import find_compiled, find_removals
from weighbridge.report.summary import Summary

WORTHWHILE = 0.01
"""The least share of an image that is worth the work of a cut."""

_BUILD_TOOL = re.compile(
    r"(gcc|g\+\+|cpp|clang|llvm|rustc?|cargo|binutils|build-|make$|cmake|cython|lib[a-z]+san\d|libstdc\+\+-\d+-dev)"
    r"|.*-dev$"
)
_DEEDS = {
    "replaced": "shipped by layer {} and replaced by layer {}",
    "metadata-only": "shipped by layer {} and, byte for byte, again by layer {}",
}
_DELETED = "shipped by layer {} and deleted by layer {}"
_KINDS = {name: category for name, category in CATEGORIES.items() if category.remedy}
"""Categories that an image's maker decides on."""

_SYSTEMS = frozenset(each.category for each in ECOSYSTEMS if each.is_system)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Bytes that could be removed from an image."""

    bytes: int
    what: str
    remedy: str
    """A sentence that says what to change."""
    sure: bool
    """Whether it can be removed without loss. If not, it is the largest part that could go; a person decides."""

    @property
    def headline(self) -> str:
        """`what`; before it stands a sentence that nothing is certainly removable, if that is so."""
        return (
            self.what if self.sure else f"Nothing is certainly removable. The largest part that could go is {self.what}"
        )


def choose_image(summary: Summary) -> Image | None:
    """Return the smallest image that passed its smoke test; if there is none, the smallest untested image.

    Images with an error among their findings come last. Images are compared by pull bytes, or by shipped bytes if the
    pulls are unknown or cannot be compared. None if there is no image, or every image failed.
    """
    candidates = _select_passed(summary) or _select_untried(summary)
    sound = [image for image in candidates if not _count_errors(image)] or candidates
    return min(sound, key=_choose_measure(summary.report.images), default=None)


def explain_choice(summary: Summary) -> str:
    """Return the reason for the choice of `choose_image`, in one or two sentences without figures."""
    choice, images = choose_image(summary), summary.report.images
    if choice is None:
        failing = "No variant passes its smoke test: `invoke smoke` says what fails."
        return spell_commands(failing) if images else "There is no image."
    passed = _select_passed(summary)
    if not passed:
        told = _explain_unproven(summary, choice)
    elif len(passed) == 1:
        told = "Its smoke test passed." if len(images) == 1 else "It is the only one whose smoke test passed."
    else:
        sound = sum(not _count_errors(image) for image in passed) or len(passed)
        which = f"the {sound} whose smoke test passed" if sound == len(passed) else "those that pass without errors"
        told = f"It {_describe_smallest(images)} of {which}."
    return " ".join(filter(None, (told, _state_objection(summary, choice))))


def choose_cut(image: Image) -> Cut | None:
    """Return what to cut from an image first; None where it has nothing of its own.

    That is the largest of what has a sure remedy and is at least 1 % of the image: waste, tools that only a build
    needs, and packages that nothing requires and nobody asked for. If nothing is certain, it is the largest owner that
    did not come with the base image and that no other package requires.
    """
    found = (*_list_waste(image), *_list_build_tools(image), *_list_unneeded(image))
    sure = [cut for cut in found if cut.bytes >= WORTHWHILE * image.shipped_bytes]
    return max(sure or _list_owners(image), key=lambda cut: cut.bytes, default=None)


def can_compare_pulls(images: Sequence[Image]) -> bool:
    """Return whether images can be compared by pull bytes: all are known, and all are exact or all estimated."""
    bases = {image.pull.basis if image.pull else None for image in images}
    return len(bases) == 1 and None not in bases


def _select_passed(summary: Summary) -> list[Image]:
    return [image for image in summary.report.images if (known := summary.standings.get(image.variant)) and known.ok]


def _select_untried(summary: Summary) -> list[Image]:
    return [image for image in summary.report.images if image.variant not in summary.standings]


def _count_errors(image: Image) -> int:
    return sum(finding.level == "error" for finding in image.findings)


def _choose_measure(images: Sequence[Image]) -> Callable[[Image], int]:
    """Return the figure by which images are compared."""
    if can_compare_pulls(images):
        return lambda image: image.pull.bytes if image.pull else 0
    return lambda image: image.shipped_bytes


def _describe_smallest(images: Sequence[Image]) -> str:
    return "is the smallest to pull" if can_compare_pulls(images) else "ships the fewest bytes"


def _explain_unproven(summary: Summary, choice: Image) -> str:
    """Return why an untested variant was chosen, and what to do first."""
    images = summary.report.images
    if ":" in choice.variant:  # a location such as `archive:x.tar`, of which the smoke test knows nothing
        return "" if len(images) == 1 else f"It {_describe_smallest(images)} of {len(images)}, and none was tried."
    prove = spell_commands("prove it with `invoke smoke`.")
    if len(images) == 1:
        return f"No smoke test has tried it: {prove}"
    untried = len(_select_untried(summary))
    every = "both" if untried == len(images) == 2 else f"all {untried}"  # noqa: PLR2004 - two are both
    which = every if untried == len(images) else f"the {untried} that did not fail"
    if untried == 1:
        return f"All others fail their smoke test, and it was never tried: {prove}"
    return f"It {_describe_smallest(images)} of {which}, and none was tried: {prove}"


def _state_objection(summary: Summary, choice: Image) -> str:
    """Return an objection to the choice: its errors, or a smaller variant that was not chosen."""
    errors, measured = _count_errors(choice), _choose_measure(summary.report.images)
    if errors:
        return f"It has {errors} error{'s' if errors > 1 else ''}, listed below."
    smaller = [image for image in summary.report.images if measured(image) < measured(choice)]
    if not smaller:
        return ""
    least = min(smaller, key=measured)
    standing = summary.standings.get(least.variant)
    if standing is None:
        return f"{least.variant} is smaller and was not tried; {spell_commands('`invoke smoke`')} does."
    return f"{least.variant} is smaller, but {'has errors' if standing.ok else 'its smoke test fails'}."


def _list_waste(image: Image) -> Iterator[Cut]:
    """Yield what one change to an instruction saves, without what the base image wastes by itself."""
    if image.base is None:
        return  # without a known base, its own waste cannot be distinguished from ours
    base_layers = image.base.layers
    groups = defaultdict[tuple[int, str], list[Waste]](list)
    for row in image.waste:
        if row.killed_by >= base_layers:
            groups[row.killed_by, row.remedy].append(row)
    for (_, remedy), rows in groups.items():
        first = max(rows, key=lambda row: row.bytes)
        deed = _DEEDS.get(first.cause, _DELETED).format(first.shipped_by, first.killed_by)
        more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        yield Cut(bytes=sum(row.bytes for row in rows), what=f"{first.path}{more}, {deed}", remedy=remedy, sure=True)


def _list_build_tools(image: Image) -> Iterator[Cut]:
    """Yield the build tools, such as compilers and headers, that the image installs on top of its base."""
    found = Counter[str]()
    for row in image.ledger:
        if row.category in _SYSTEMS and _BUILD_TOOL.match(row.name):
            found[row.name] += row.bytes  # several versions of one package are several rows
    if found:
        largest = max(found, key=lambda name: found[name])
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield Cut(
            bytes=sum(found.values()),
            what=f"build tools ({largest}{more})",
            remedy="Install them in an earlier stage, and copy from there what runs.",
            sure=True,
        )


def _list_unneeded(image: Image) -> Iterator[Cut]:
    """Yield the packages that nothing requires and nobody asked for, each with what only it needs."""
    for each in (found for found in find_removals(image) if found.category in _KINDS):
        what = f"{_KINDS[each.category].describe(each.name)}, {each.reason}"
        yield Cut(bytes=each.bytes, what=what, remedy=each.remedy, sure=True)


def _list_owners(image: Image) -> list[Cut]:
    """Return each owner that the image's maker decides on, a package together with its bytecode.

    What another package requires goes only with that one.
    """
    owned, required = Counter[tuple[str, str]](), set[tuple[str, str]]()
    ours = [row for row in image.ledger if row.category in _KINDS]
    compiled = find_compiled(ours)
    for row in ours:
        category = compiled.get(row.name, BYTECODE) if row.category == BYTECODE else row.category
        owned[category, row.name] += row.bytes
        if row.required_by:
            required.add((category, row.name))
    found = {key: size for key, size in owned.items() if key not in required}
    if not (image.base and image.base.layers):  # its system's packages are among them, and it does not run without
        found = {key: size for key, size in found.items() if key[0] not in _SYSTEMS} or found
    return [
        Cut(bytes=size, what=_KINDS[category].describe(name), remedy=_KINDS[category].remedy, sure=False)
        for (category, name), size in found.items()
    ]
