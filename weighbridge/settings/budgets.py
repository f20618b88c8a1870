"""How much an image may weigh: limits with units, for all variants and for each one."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import Field, model_validator

from weighbridge.settings.values import Bytes, Name, Section, Size, usual_values

Percent = Annotated[float, Field(ge=0, le=10_000)]
_Value = TypeVar("_Value", Bytes, Percent)


class Limit(Section, Generic[_Value]):
    """A limit: a single value is the hard one. Exceeding the soft one is a warning, exceeding the hard one an error."""

    takes_single_value: ClassVar[bool] = True

    soft: _Value | None = None
    hard: _Value | None = None

    @model_validator(mode="before")
    @classmethod
    def _wrap_hard_value(cls, value: Any) -> Any:
        return value if isinstance(value, (Mapping, cls)) else {"hard": value}

    @model_validator(mode="after")
    def _check_limit(self) -> Self:
        if self.soft is None and self.hard is None:
            raise ValueError("a limit is one value, or has `soft`, `hard` or both")
        if self.soft is not None and self.hard is not None and self.soft >= self.hard:
            raise ValueError("`soft` is not below `hard`")
        return self


class Growth(Section):
    """How much an image may grow since the one it is compared with, not counting the growth of its base."""

    bytes: Limit[Bytes] | None = None
    percent: Limit[Percent] | None = None
    """Percent of what the earlier image has over its base. If `bytes` is given, too, growth must exceed both."""

    @model_validator(mode="after")
    def _check_growth(self) -> Self:
        if self.bytes is None and self.percent is None:
            raise ValueError("growth has `bytes`, `percent` or both")
        return self


class Limits(Section):
    """Limits of one image; None: no limit."""

    shipped: Limit[Bytes] | None = None
    pull: Limit[Bytes] | None = None
    live: Limit[Bytes] | None = None
    waste: Limit[Bytes] | None = None
    over_base: Limit[Bytes] | None = None
    """Shipped bytes without those of the base."""
    layer: Limit[Bytes] | None = None
    """Shipped bytes of the largest layer that is not part of the base."""
    growth: Growth | None = None


class Budgets(Section):
    """How much the variants may weigh; `invoke report` checks that."""

    default: Limits = usual_values()
    """Limits of every variant, unless its own section says otherwise."""
    variants: dict[Name, Limits] = {}
    """Variant -> its own limits; null removes one of the default limits."""
    noise: Bytes = Size(10_000, "10 kB")
    """Smaller growth does not count, because builds of the same sources differ a little."""

    def get_limits(self, variant: str) -> Limits:
        """Return the limits of a variant: its own, and the default ones for what its own do not mention."""
        own = self.variants.get(variant, Limits())
        return self.default.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
