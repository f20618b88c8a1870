"""What every format of `invoke report` shows: the report, its baseline, and the images' last smoke tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.model.report import Image, Report
    from weighbridge.model.smoke import Standing
    from weighbridge.model.tree import Node
    from weighbridge.report.comparison import Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """An earlier report, and what has changed since then."""

    label: str
    """A name for people, such as `main, 3f2a9c1, 2026-11-20`."""
    report: Report
    comparisons: tuple[Comparison, ...]
    """One for each variant that both reports have and that can be compared, in the order of the later report."""
    refusals: Mapping[str, str] = field(default_factory=dict)
    """Variant -> why it is not compared, and what to do about that."""

    def find(self, variant: str) -> Comparison | None:
        """Return what has changed in a variant; None if the variant is not compared."""
        return next((each for each in self.comparisons if each.variant == variant), None)

    def find_image(self, variant: str) -> Image | None:
        """Return the earlier report's image of a variant; None if it has no such variant."""
        return next((image for image in self.report.images if image.variant == variant), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Everything that a format may show. History and trees are read only when a format calls for them."""

    report: Report
    """Its images carry the findings of budgets."""
    baseline: Baseline | None = None
    standings: Mapping[str, Standing] = field(default_factory=dict)
    """Variant -> its last smoke test; variants that were never tested are missing."""
    history: Callable[[], Sequence[Report]] = tuple
    """Returns the earlier records, oldest first, without `report` itself."""
    trees: Callable[[], Mapping[str, Node]] = dict
    """Returns variant -> the tree of its image, down to files."""
