"""Requests to the API that prove that the application works: what they send, keep, wait for and expect."""

from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from weighbridge.settings.methods import HasMethod, HeaderName, Method
from weighbridge.settings.names import RoleName
from weighbridge.settings.values import UNIQUE, Argument, FilePath, Name, Section, TextOr, require_match

_SEND_NULL: frozenset[Method] = frozenset({"POST", "PUT", "PATCH"})
_SAYS_ITS_TYPE = "content-type"


def _allow_single_status(schema: dict[str, Any]) -> None:
    """Tell editors that one status may stand without a list."""
    schema["anyOf"] = [{"type": "integer"}, {"type": schema.pop("type"), "items": schema.pop("items")}]


def _wrap_text(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


_TEXT_OR_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Texts = Annotated[tuple[Argument, ...], BeforeValidator(_wrap_text), WithJsonSchema(_TEXT_OR_TEXTS)]
"""Several texts; a single one may stand without a list."""
KeptName = Annotated[str, require_match(r"[A-Za-z0-9_]+", "name of letters, digits and `_`")]


class Upload(Section):
    """A file in a multipart body."""

    name: Argument = ""
    """Name that the API is told; empty: the name of `file`, or `file` itself."""
    content: Argument | None = None
    """Text of the file, with placeholders."""
    file: FilePath | None = None
    """Path of a file of the project, which is sent as it is."""
    type: Argument = "application/octet-stream"
    """Its media type."""

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        if (self.content is None) == (self.file is None):
            raise ValueError("an upload has either `content` or `file`")
        return self

    @property
    def told_name(self) -> str:
        """The name that the API is told."""
        return self.name or PurePosixPath(self.file or "").name or "file"


class Source(Section):
    """Where in an answer, outside of its body, a value to keep stands."""

    header: HeaderName | None = None
    """Name of a header of the answer."""
    cookie: Argument | None = None
    """Name of a cookie that the answer sets."""

    @model_validator(mode="after")
    def _check_single(self) -> Self:
        if (self.header is None) == (self.cookie is None):
            raise ValueError("what is kept comes from a field, or has either `header` or `cookie`")
        return self


class Request(HasMethod):
    """A request to the API. In its texts, `{name}` becomes what an earlier step kept, and `{unique}` a new word."""

    body: Any = None
    """Sent as JSON."""
    form: dict[Argument, Argument] = {}
    """Field -> text; sent as a form (`application/x-www-form-urlencoded`)."""
    multipart: dict[Argument, TextOr[Upload]] = {}
    """Field -> text or file; sent as `multipart/form-data`."""
    headers: dict[HeaderName, Argument] = {}
    """Headers of this request; they replace those of `roles.api.headers`."""
    status: Annotated[tuple[int, ...], Field(json_schema_extra=_allow_single_status)] = ()
    """Allowed statuses of the answer; empty: any 2xx."""
    keep: dict[KeptName, TextOr[Source]] = {}
    """Name -> path of the field to keep of the answer, such as `items.0.id`, or a header or a cookie of it."""

    @field_validator("status", mode="before")
    @classmethod
    def _wrap_status(cls, value: Any) -> Any:
        return (value,) if isinstance(value, int) else value

    @model_validator(mode="after")
    def _check_body(self) -> Self:
        bodies = [name for name in ("body", "form", "multipart") if getattr(self, name) not in (None, {})]
        if len(bodies) > 1:
            raise ValueError(f"a request has one body, but this one has `{bodies[0]}` and `{bodies[1]}`")
        if self.form or self.multipart:
            if self.method == "GET":
                raise ValueError(f"a `get` sends no `{bodies[0]}`; put the fields into its path, after a `?`")
            if _SAYS_ITS_TYPE in {name.lower() for name in self.headers}:
                raise ValueError(f"`{bodies[0]}` says its Content-Type itself; leave that out of `headers`")
        return self

    @property
    def sends_json(self) -> bool:
        """Whether its body is JSON; a POST, PUT or PATCH that names no body sends `null`."""
        if self.form or self.multipart or self.method == "GET":
            return False
        return self.method in _SEND_NULL or self.body is not None


class Step(Request):
    """A request, and what its answer must contain."""

    until: dict[str, Any] = {}
    """Field -> value; the request is repeated until all fields have their values."""
    fail_on: dict[str, Any] = {}
    """Field -> value, or a list of values; if a field has such a value, the waiting of `until` ends, and fails."""
    expect: dict[str, Any] = {}
    """Field -> value that it must have."""
    equals: Any = None
    """The whole answer as JSON; None: any."""
    contains: Texts = ()
    """Texts that the body of the answer must contain; it need not be JSON."""
    expect_headers: dict[HeaderName, Argument] = {}
    """Header of the answer -> value that it must have, with or without the parameters after its `;`."""

    @model_validator(mode="after")
    def _check_waits(self) -> Self:
        if self.fail_on and not self.until:
            raise ValueError("`fail_on` ends the waiting of `until`, which this step does not have")
        return self


class Probe(Section):
    """A few requests that prove that the application works; they are one rule of the smoke test."""

    rule: Name
    role: RoleName | Literal["stack"] = "stack"
    """The role that it is about; requests go to it if it is of kind `api`, else to the first role of that kind."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]


def is_new_each_time(request: Request) -> bool:
    """Tell whether what a request sends contains a word that is new each time."""
    return any(UNIQUE in str(each) for each in (request.body, request.form, request.multipart))
