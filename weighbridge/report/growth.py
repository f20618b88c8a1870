"""Why an image grew: the difference told as a closed list of causes, what the base image did apart from the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.report.difference import LayerDifference, LedgerDifference, VariantDifference

BASE = "base"
LAYER = "layer"
HIDDEN = "of-the-base"
"""Files of the base that a later layer hides, or hides no more: they are shipped all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What changed an image by so many bytes."""

    category: str
    """A ledger's, such as `debian`; `base` is the base image as a whole. `layer` where a record kept no ledger."""
    name: str
    """The owner's, the layer's instruction, or empty for the base image."""
    delta_bytes: int
    before_version: str | None = None
    after_version: str | None = None
    parts: tuple[LedgerDifference, ...] = ()
    """What changed in the base image, the largest change first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """All causes of a difference: they add up to its `delta_bytes`."""

    delta_bytes: int
    base_bytes: int
    """What of that the base image did, without being asked to."""
    causes: tuple[Cause, ...]
    """The largest change first."""

    @property
    def own_bytes(self) -> int:
        """What of the difference the base image did not do."""
        return self.delta_bytes - self.base_bytes

    def largest(self, count: int) -> tuple[tuple[Cause, ...], tuple[Cause, ...]]:
        """Return the largest causes and the rest, which is never a single one: it would take as much room."""
        if len(self.causes) <= count + 1:
            return self.causes, ()
        return self.causes[:count], self.causes[count:]


def explain_growth(difference: VariantDifference) -> Growth:
    """Return the causes of a difference: by owner, or by layer where one of the images has no ledger."""
    base = [row for row in difference.ledger if row.category == BASE]
    causes = [_owner(row) for row in difference.ledger if row.category != BASE]
    drift = difference.base_delta_bytes
    if base:
        causes.append(_base_image(base, drift))
        if hidden := sum(row.delta_bytes for row in base) - drift:
            causes.append(Cause(category="wasted", name=HIDDEN, delta_bytes=hidden))
    if not difference.ledger:
        causes = [_layer(row) for row in difference.layers if row.change != "same"]
    return Growth(
        delta_bytes=difference.delta_bytes,
        base_bytes=drift,
        causes=tuple(sorted(causes, key=lambda cause: (-abs(cause.delta_bytes), cause.category, cause.name))),
    )


def _base_image(rows: Sequence[LedgerDifference], drift: int) -> Cause:
    return Cause(
        category=BASE,
        name="",
        delta_bytes=drift,
        parts=tuple(rows),
    )


def _owner(row: LedgerDifference) -> Cause:
    return Cause(
        category=row.category,
        name=row.name,
        delta_bytes=row.delta_bytes,
        before_version=row.before_version,
        after_version=row.after_version,
    )


def _layer(row: LayerDifference) -> Cause:
    size = -row.shipped_bytes if row.change == "removed" else row.shipped_bytes
    return Cause(category=LAYER, name=row.instruction, delta_bytes=size)
