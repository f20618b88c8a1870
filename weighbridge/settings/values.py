"""The kinds of values that settings are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"


def matching(pattern: str, words: str) -> AfterValidator:
    """Return what refuses a text that does not match as a whole, and says in words what it should be."""

    def matched(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"{value!r} is no {words}")
        return value

    return AfterValidator(matched)


Name = Annotated[
    str,
    StringConstraints(max_length=64),
    matching(r"[a-z0-9][a-z0-9_.-]*", "name of small letters, digits, `.`, `_` and `-`"),
]
"""A variant's name: it becomes an image's tag."""
Repository = Annotated[
    str,
    StringConstraints(max_length=200),
    matching(rf"{_COMPONENT}(?:/{_COMPONENT})*", "image's name without a tag and in small letters, such as `shop/api`"),
]
"""An image's name without tag, by the grammar of the OCI distribution specification, `<name>`."""
Reference = Annotated[str, StringConstraints(max_length=250), matching(r"[\w][\w.:/@-]*", "image's name")]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Command = Annotated[tuple[str, ...], Field(min_length=1)]
UNIQUE = "{unique}"
"""Stands in a change, or in a request's body, for a word that is another one each time."""


def _expression(value: str) -> str:
    """Return a regular expression that is one."""
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"it is no regular expression: {error}") from error
    return value


_UNITS = {"B": 1} | {
    f"{prefix}{end}": step**power
    for end, step, prefixes in (("B", 1000, "kMGT"), ("iB", 1024, "KMGT"))
    for power, prefix in enumerate(prefixes, 1)
}
_TEXT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([A-Za-z]+)")
_NEEDS_UNIT = 1000
"""A number below stands for another unit than bytes: nobody limits an image, or a container, to 160 B."""


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """A number of bytes, and how invoke.yaml puts it."""

    bytes: int
    written: str = field(compare=False)
    """`152 MiB`, or a bare number."""


def _size(value: Any) -> Any:
    """Return the size that a value of invoke.yaml says; what Python already made of one stays."""
    if isinstance(value, Size):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise ValueError(f"{value} is below zero")
        if value < _NEEDS_UNIT:
            raise ValueError(f"{value} has no unit: write `{value} MB`, or `{value} B` if bytes are meant")
        return Size(value, str(value))
    if isinstance(value, float):
        raise ValueError(f"{value} has no unit, and bytes are whole: write `{value} MB`")  # noqa: TRY004 - pydantic's
    found = _TEXT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found and found[2] in _UNITS:
        return Size(int(Decimal(found[1]) * _UNITS[found[2]]), f"{found[1]} {found[2]}")
    raise ValueError(f"{value!r} is no size with a unit, such as `160 MB` or `152 MiB`: one of {', '.join(_UNITS)}")


def _as_written(size: Size) -> str | int:
    """Return what invoke.yaml says of a size."""
    return size.bytes if size.written.isdecimal() else size.written


Bytes = Annotated[Size, BeforeValidator(_size), PlainSerializer(_as_written)]
"""`160 MB` is 160 * 10^6 bytes, `152 MiB` 152 * 2^20; what is left of a byte is cut off."""
UrlPath = Annotated[str, matching(r"/[!-~]*", "path such as `/livez`")]
Pattern = Annotated[str, AfterValidator(_expression)]


class Section(BaseModel):
    """A part of the settings: frozen, and a misspelt key is an error, not a surprise."""

    model_config = ConfigDict(frozen=True, extra="forbid")
