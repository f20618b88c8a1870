"""What every format of `invoke report` is drawn from: the record, what it is compared with, and how the images run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from weighbridge.model.report import Image, Report
from weighbridge.model.smoke import Standing
from weighbridge.model.tree import Node
from weighbridge.report.comparison import Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """An earlier report, and what has changed since."""

    label: str
    """What it is, for people: `main, 3f2a9c1, 2026-11-20`."""
    report: Report
    comparisons: tuple[Comparison, ...]
    """One for each variant that both have and that can be compared, in the order of the later report."""
    refusals: Mapping[str, str] = field(default_factory=dict)
    """Variant -> why it is not compared, and what to do about it."""

    def find(self, variant: str) -> Comparison | None:
        """Return what has changed in a variant; None where it is not compared."""
        return next((each for each in self.comparisons if each.variant == variant), None)

    def find_image(self, variant: str) -> Image | None:
        """Return the earlier report's image of a variant; None where it has no such variant."""
        return next((image for image in self.report.images if image.variant == variant), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a format draws. It is settled when it is made; what few formats draw is worked out when one asks for it."""

    report: Report
    """Findings of budgets stand in its images."""
    baseline: Baseline | None = None
    standings: Mapping[str, Standing] = field(default_factory=dict)
    """Variant -> its last smoke test; those that were never tried are missing."""
    history: Callable[[], Sequence[Report]] = tuple
    """Return earlier records, oldest first, without `report` itself."""
    trees: Callable[[], Mapping[str, Node]] = dict
    """Return variant -> the parts of its image, file by file."""
