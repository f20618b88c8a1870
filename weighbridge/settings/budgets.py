"""What an image may weigh: limits in bytes whose unit is said, for all variants and for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import Field, model_validator

from weighbridge.settings.values import Bytes, Name, Section, Size

Percent = Annotated[float, Field(ge=0, le=10_000)]
_Value = TypeVar("_Value", Bytes, Percent)


class Limit(Section, Generic[_Value]):
    """A limit: one value, which is hard, or both. What is above the soft one is a warning, above the hard an error."""

    soft: _Value | None = None
    hard: _Value | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_value_is_hard(cls, value: Any) -> Any:
        return value if isinstance(value, (Mapping, cls)) else {"hard": value}

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.soft is None and self.hard is None:
            raise ValueError("a limit is one value, or has `soft`, `hard` or both")
        if self.soft is not None and self.hard is not None and self.soft >= self.hard:
            raise ValueError("`soft` is not below `hard`")
        return self


class Growth(Section):
    """How much an image may grow over the one that it is compared with, the base's own growth left out."""

    bytes: Limit[Bytes] | None = None
    percent: Limit[Percent] | None = None
    """Of what the earlier image has over its base. With `bytes`, only growth over both is too much."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.bytes is None and self.percent is None:
            raise ValueError("growth has `bytes`, `percent` or both")
        return self


class Limits(Section):
    """Limits of one image. What is not given is not limited."""

    shipped: Limit[Bytes] | None = None
    pull: Limit[Bytes] | None = None
    live: Limit[Bytes] | None = None
    waste: Limit[Bytes] | None = None
    over_base: Limit[Bytes] | None = None
    """Shipped bytes beside the base's."""
    layer: Limit[Bytes] | None = None
    """Shipped bytes of the largest layer that is not the base's."""
    growth: Growth | None = None


class Budgets(Section):
    """What the variants may weigh; checked by `invoke report`."""

    default: Limits = Limits()
    """Of every variant, but for what its own section says."""
    variants: dict[Name, Limits] = {}
    """Variant -> its own limits; null lifts one of the default's."""
    noise: Bytes = Size(10_000, "10 kB")
    """Growth below this is none: builds of the same sources differ by a little."""

    def of(self, variant: str) -> Limits:
        """Return the limits of a variant: its own, and the default's where it has none."""
        own = self.variants.get(variant, Limits())
        return self.default.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
