"""The kinds of values that settings are made of."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=64)]
"""A variant's name: it becomes an image's tag."""
Repository = Annotated[str, StringConstraints(pattern=rf"^{_COMPONENT}(?:/{_COMPONENT})*$", max_length=200)]
"""An image's name without tag, by the grammar of the OCI distribution specification, `<name>`."""
Reference = Annotated[str, StringConstraints(pattern=r"^[\w][\w.:/@-]*$", max_length=250)]
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


UrlPath = Annotated[str, StringConstraints(pattern=r"^/[!-~]*$")]
Pattern = Annotated[str, AfterValidator(_expression)]


class Section(BaseModel):
    """A part of the settings: frozen, and a misspelt key is an error, not a surprise."""

    model_config = ConfigDict(frozen=True, extra="forbid")
