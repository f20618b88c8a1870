"""Fixed answers in place of a third party's host, which the stack cannot reach."""

from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator

from weighbridge.settings.methods import HasMethod, HeaderName
from weighbridge.settings.values import Argument


class StubAnswer(HasMethod):
    """A request, and the answer that it always gets. A query in its path has to be that of the request."""

    model_config = ConfigDict(serialize_by_alias=True)

    status: int = Field(default=200, ge=200, le=599)
    json_: Any = Field(default=None, alias="json")
    """The answer as JSON; without this and `text`, the answer is empty."""
    text: Argument | None = None
    """The answer as it is, in place of JSON."""
    headers: dict[HeaderName, Argument] = {}
    """Headers of the answer."""

    @model_validator(mode="after")
    def _check_body(self) -> Self:
        if self.json_ is not None and self.text is not None:
            raise ValueError("an answer has one body, but this one has `json` and `text`")
        return self
