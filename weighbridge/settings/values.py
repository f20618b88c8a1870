"""The kinds of values that settings are made of."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

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


UrlPath = Annotated[str, matching(r"/[!-~]*", "path such as `/livez`")]
Pattern = Annotated[str, AfterValidator(_expression)]


class Section(BaseModel):
    """A part of the settings: frozen, and a misspelt key is an error, not a surprise."""

    model_config = ConfigDict(frozen=True, extra="forbid")
