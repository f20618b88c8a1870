"""Explains why an image grew: a list of causes that add up to the difference, with the base image as one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from weighbridge.model.report import BASE, BYTECODE, WASTED
from weighbridge.report.difference import LayerChange, LayerDifference, LedgerDifference, VariantDifference

LAYER = "layer"
HIDDEN = "of-the-base"
"""Files of the base that a later layer now hides, or no longer hides; they are shipped in either case."""
_SIGNS: Mapping[LayerChange, int] = {"added": 1, "removed": -1, "same": 0}
CauseKind = Literal["base", "layer", "waste", "bytecode", "owner"]
"""What sort of thing a cause is; `owner` stands for every other category of a ledger, such as `debian`."""
_KINDS: Mapping[str, CauseKind] = {BASE: "base", LAYER: "layer", BYTECODE: "bytecode", WASTED: "waste"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One reason for a difference, with its bytes."""

    category: str
    """A category of the ledger, such as `debian`; `base` for the base image as a whole; `layer` if a record has no
    ledger."""
    name: str
    """The owner's name, the layer's instruction, or empty for the base image."""
    delta_bytes: int
    before_version: str | None = None
    after_version: str | None = None
    parts: tuple[LedgerDifference, ...] = ()
    """What changed in the base image, the largest change first."""

    @property
    def kind(self) -> CauseKind:
        """What sort of thing the cause is."""
        return _KINDS.get(self.category, "owner")


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """All causes of a difference: they add up to its `delta_bytes`."""

    delta_bytes: int
    base_bytes: int
    """How much of that comes from the base image."""
    causes: tuple[Cause, ...]
    """The largest change first."""

    @property
    def own_bytes(self) -> int:
        """How much of the difference does not come from the base image."""
        return self.delta_bytes - self.base_bytes

    def split_largest(self, count: int) -> tuple[tuple[Cause, ...], tuple[Cause, ...]]:
        """Return the largest causes and the rest. The rest is never a single cause: its own row takes no more room."""
        if len(self.causes) <= count + 1:
            return self.causes, ()
        return self.causes[:count], self.causes[count:]


def explain_growth(difference: VariantDifference) -> Growth:
    """Return the causes of a difference: by owner, or by layer if one of the images has no ledger."""
    base = [row for row in difference.ledger if row.category == BASE]
    causes = [_build_owner_cause(row) for row in difference.ledger if row.category != BASE]
    drift = difference.base_delta_bytes
    if base:
        causes.append(_build_base_cause(base, drift))
        if hidden := sum(row.delta_bytes for row in base) - drift:
            causes.append(Cause(category=WASTED, name=HIDDEN, delta_bytes=hidden))
    if not difference.ledger:
        causes = [_build_layer_cause(row) for row in difference.layers if _SIGNS[row.change]]
    return Growth(
        delta_bytes=difference.delta_bytes,
        base_bytes=drift,
        causes=tuple(sorted(causes, key=lambda cause: (-abs(cause.delta_bytes), cause.category, cause.name))),
    )


def _build_base_cause(rows: Sequence[LedgerDifference], drift: int) -> Cause:
    return Cause(
        category=BASE,
        name="",
        delta_bytes=drift,
        parts=tuple(rows),
    )


def _build_owner_cause(row: LedgerDifference) -> Cause:
    return Cause(
        category=row.category,
        name=row.name,
        delta_bytes=row.delta_bytes,
        before_version=row.before_version,
        after_version=row.after_version,
    )


def _build_layer_cause(row: LayerDifference) -> Cause:
    return Cause(category=LAYER, name=row.instruction, delta_bytes=_SIGNS[row.change] * row.shipped_bytes)
