"""Decides whether two images can be compared, and returns either what changed or why they cannot be.

Every command that compares images calls this module, so all of them subtract and refuse the same figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from weighbridge.model import platform
from weighbridge.model.reference import strip_tag
from weighbridge.model.report import Base, Image, KnownBy, Report
from weighbridge.report.difference import VariantDifference, subtract_images
from weighbridge.report.growth import Growth, explain_growth

Obstacle = Literal["platform", "base", "knowledge of the base", "ledger"]
"""What prevents a comparison of two images."""
NOISE_BYTES = 10_000
"""The noise limit of callers that have none of their own: builds of the same sources differ by some bytes."""
_WAYS: dict[KnownBy | None, str] = {
    "dockerfile": "the build's Dockerfile",
    "label": "the image's label",
    "layers": "a search by layers",
    None: "the image's label",  # versions that recorded no way knew a base only by its label
}
_COUNTED, _UNCOUNTED = "recorded", "not recorded"
_UNKNOWN = "unknown"
_IN_ONE_WAY = "both built by `invoke build`, or both in the engine"
_WHERE_KNOWN = f"where their bases are known: {_IN_ONE_WAY}, with the base"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What changed from one image to another."""

    difference: VariantDifference
    growth: Growth
    """The causes of the difference; they add up to it."""
    noise_bytes: int
    """The caller's noise limit: a smaller change counts as no change."""

    @property
    def variant(self) -> str:
        """The name of the pair."""
        return self.difference.variant

    @property
    def delta_bytes(self) -> int:
        """How many bytes more the later image ships."""
        return self.difference.delta_bytes

    @property
    def is_noise(self) -> bool:
        """Whether the images differ by less than builds of the same sources do."""
        return abs(self.delta_bytes) < self.noise_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why two images are not compared."""

    variant: str
    """The name of the pair."""
    obstacle: Obstacle
    before: str
    """The earlier image's side of the obstacle, such as `linux/arm64`."""
    after: str

    @property
    def reason(self) -> str:
        """The reason, without a capital at the start or a full stop at the end."""
        before, after = self.before, self.after
        match self.obstacle:
            case "platform":
                return f"the earlier image is for {before}, the later one for {after}"
            case "base":
                return f"the earlier image stands on {_name_base(before)}, the later one on {_name_base(after)}"
            case "knowledge of the base":
                return f"the earlier image's base is known by {before}, the later one's by {after}"
            case "ledger":
                which = "earlier" if before == _UNCOUNTED else "later"
                return f"the {which} image was recorded without a ledger"
        assert_never(self.obstacle)

    @property
    def advice(self) -> str:
        """What to do, in the same form."""
        match self.obstacle:
            case "platform":
                return "measure both for one platform"
            case "base" if _UNKNOWN in (self.before, self.after):
                return f"measure both again {_WHERE_KNOWN}"
            case "base":
                return "measure both on one base"
            case "knowledge of the base":
                return f"measure both again in the same way: {_IN_ONE_WAY}"
            case "ledger":
                return "measure it again"
        assert_never(self.obstacle)

    def __str__(self) -> str:
        """Return the reason and the advice."""
        return f"{self.reason}; {self.advice}"


def compare_images(
    variant: str, before: Image | None, after: Image | None, *, noise_bytes: int = NOISE_BYTES
) -> Comparison | Refusal:
    """Return what changed from one image to another, or why they cannot be compared.

    Args:
        variant: The name of the pair.
        before: The earlier image; None counts as an image without layers.
        after: The later image, or None as above.
        noise_bytes: Smaller changes count as no change.
    """
    if before and after:
        for refusal in find_refusals(variant, before, after):
            return refusal
    found = subtract_images(variant, before, after)
    if before and find_pull_basis(before) != find_pull_basis(after):
        found = replace(found, cost=None)  # exact and estimated bytes do not mix
    return Comparison(difference=found, growth=explain_growth(found), noise_bytes=noise_bytes)


def compare_reports(
    before: Report, after: Report, *, noise_bytes: int = NOISE_BYTES
) -> tuple[Comparison | Refusal, ...]:
    """Return what changed in each variant, in the order of `after`, followed by variants that only `before` has.

    A variant that is missing in one report counts there as an image without layers.
    """
    old = {image.variant: image for image in before.images}
    new = {image.variant: image for image in after.images}
    names = [*new, *(name for name in old if name not in new)]
    return tuple(compare_images(name, old.get(name), new.get(name), noise_bytes=noise_bytes) for name in names)


def find_largest(comparisons: Sequence[Comparison]) -> Comparison:
    """Return the comparison to report first: the largest growth, or the largest change if nothing grew."""
    return max(comparisons, key=lambda each: (each.delta_bytes >= each.noise_bytes, abs(each.delta_bytes)))


def find_refusals(variant: str, before: Image, after: Image) -> Iterator[Refusal]:
    """Yield every reason why two images cannot be compared, the most important first; nothing if they can be."""

    def refuse(obstacle: Obstacle, old: str, new: str) -> Refusal:
        return Refusal(variant=variant, obstacle=obstacle, before=old, after=new)

    if not _are_one_platform(before.platform, after.platform):
        yield refuse("platform", before.platform, after.platform)
    old, new = before.base, after.base
    if find_repository(old) != find_repository(new):
        yield refuse("base", old.reference if old else _UNKNOWN, new.reference if new else _UNKNOWN)
    elif old and new and not _are_known_alike(old, new):
        yield refuse("knowledge of the base", _WAYS[old.known_by], _WAYS[new.known_by])
    counted = [_COUNTED if image.ledger or not image.shipped_bytes else _UNCOUNTED for image in (before, after)]
    if counted[0] != counted[1] and before.shipped_bytes and after.shipped_bytes:
        yield refuse("ledger", counted[0], counted[1])


def find_pull_basis(image: Image | None) -> str | None:
    """Return how the bytes of a pull are known; None if they are unknown or there is no image."""
    return image.pull.basis if image and image.pull else None


def find_repository(base: Base | None) -> str | None:
    """Return the name that all versions of a base share; None if no base is known.

    A new tag is drift of the same base; another name is another base. Stand-ins have their own names, so they never
    pass for the official image.
    """
    return strip_tag(base.reference) if base else None


def _are_one_platform(before: str, after: str) -> bool:
    """Return whether two texts name one platform, as `linux/arm64` and `linux/arm64/v8` do."""
    old, new = platform.parse(before), platform.parse(after)
    return before == after or (old is not None and new is not None and old.full == new.full)


def _are_known_alike(old: Base, new: Base) -> bool:
    """Return whether two bases are known in the same way. Records without a way knew the base by its label."""
    ways = {old.known_by, new.known_by}
    return len(ways) == 1 or (None in ways and "layers" not in ways)


def _name_base(reference: str) -> str:
    return "an unknown base" if reference == _UNKNOWN else reference
