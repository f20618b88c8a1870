"""Decides whether two images can be compared: returns what changed between them, or why that cannot be said.

Every command that compares images asks here, so that all of them subtract the same figures and refuse the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from weighbridge.model.report import Base, Image, KnownBy, Report
from weighbridge.report.difference import VariantDifference, subtract_images
from weighbridge.report.growth import Growth, explain_growth

Obstacle = Literal["platform", "base", "knowledge of the base", "ledger"]
"""What keeps two images from being compared."""
NOISE_BYTES = 10_000
"""Builds of the same sources differ by some bytes: less than this is no growth, where the caller has no limit."""
_WAYS: dict[KnownBy | None, str] = {
    "dockerfile": "the build's Dockerfile",
    "label": "the image's label",
    "layers": "a search by layers",
    None: "the image's label",  # as every version did that recorded no way
}
_COUNTED, _UNCOUNTED = "recorded", "not recorded"
_UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What changed from one image to another."""

    difference: VariantDifference
    growth: Growth
    """The causes of the difference; they add up to it."""
    noise_bytes: int
    """A change below this is none: the limit of whoever asked."""

    @property
    def variant(self) -> str:
        """What the pair is called."""
        return self.difference.variant

    @property
    def delta_bytes(self) -> int:
        """Bytes that the later image ships more."""
        return self.difference.delta_bytes

    @property
    def is_noise(self) -> bool:
        """Whether the images differ by less than builds of the same sources do."""
        return abs(self.delta_bytes) < self.noise_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why two images are not compared."""

    variant: str
    """What the pair is called."""
    obstacle: Obstacle
    before: str
    """What the obstacle is in the earlier image, such as `linux/arm64`."""
    after: str

    @property
    def reason(self) -> str:
        """The reason as a part of a sentence, without its first capital and its point."""
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
        """What to do, likewise."""
        match self.obstacle:
            case "platform":
                return "measure both for one platform"
            case "base":
                return "measure both on one base"
            case "knowledge of the base":
                return "measure both anew, in one way: both built by `invoke build`, or both in the engine"
            case "ledger":
                return "measure it anew"
        assert_never(self.obstacle)

    def __str__(self) -> str:
        """Return why, and what to do."""
        return f"{self.reason}; {self.advice}"


def compare_images(
    variant: str, before: Image | None, after: Image | None, *, noise_bytes: int = NOISE_BYTES
) -> Comparison | Refusal:
    """Return what changed from one image to another, or why they cannot be compared.

    Args:
        variant: What to call the pair.
        before: The earlier image; None counts as an image without layers.
        after: The later image; likewise.
        noise_bytes: Less change than this is none.
    """
    if before and after:
        for refusal in find_refusals(variant, before, after):
            return refusal
    found = subtract_images(variant, before, after)
    if before and find_pull_basis(before) != find_pull_basis(after):
        found = replace(found, cost=None)  # exact bytes beside estimated ones
    return Comparison(difference=found, growth=explain_growth(found), noise_bytes=noise_bytes)


def compare_reports(
    before: Report, after: Report, *, noise_bytes: int = NOISE_BYTES
) -> tuple[Comparison | Refusal, ...]:
    """Return what changed, variant by variant, in the order of `after`, then of those that only `before` has.

    A variant that one report lacks counts as an image without layers there.
    """
    old = {image.variant: image for image in before.images}
    new = {image.variant: image for image in after.images}
    names = [*new, *(name for name in old if name not in new)]
    return tuple(compare_images(name, old.get(name), new.get(name), noise_bytes=noise_bytes) for name in names)


def find_largest(comparisons: Sequence[Comparison]) -> Comparison:
    """Return the comparison to tell first: what grew most, and where nothing did, what changed most."""
    return max(comparisons, key=lambda each: (each.delta_bytes >= each.noise_bytes, abs(each.delta_bytes)))


def find_refusals(variant: str, before: Image, after: Image) -> Iterator[Refusal]:
    """Yield everything that keeps two images from being compared, the weightiest first; nothing where they can be."""

    def refuse(obstacle: Obstacle, old: str, new: str) -> Refusal:
        return Refusal(variant=variant, obstacle=obstacle, before=old, after=new)

    if before.platform != after.platform:
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
    """Return how the bytes of a pull are known; None where they are not, or there is no image."""
    return image.pull.basis if image and image.pull else None


def find_repository(base: Base | None) -> str | None:
    """Return what a base is called in all its versions; None where no base is known.

    A new tag of a base is drift, and another base makes another image. A stand-in of ours has a name of its own, so it
    is never taken for the official image.
    """
    if base is None:
        return None
    folder, slash, last = base.reference.partition("@")[0].rpartition("/")
    name = folder + slash + last.partition(":")[0]
    return name.removeprefix("docker.io/").removeprefix("library/")


def _are_known_alike(old: Base, new: Base) -> bool:
    """Return whether two bases are known in one way; a record of a version that told no way knew the label."""
    ways = {old.known_by, new.known_by}
    return len(ways) == 1 or (None in ways and "layers" not in ways)


def _name_base(reference: str) -> str:
    return "an unknown base" if reference == _UNKNOWN else reference
