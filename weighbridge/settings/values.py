"""The types of values in the settings."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    StringConstraints,
    Tag,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"


@dataclass(frozen=True, slots=True)
class Match:
    """Marks a text that must match a pattern as a whole."""

    pattern: str
    words: str
    """What the text should be, for the error."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Let pydantic check the text."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Let editors check it, too."""
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}

    def _check(self, value: str) -> str:
        if not re.fullmatch(self.pattern, value):
            raise ValueError(f"{value!r} is no {self.words}")
        return value


def require_match(pattern: str, words: str) -> Match:
    """Return the mark of a text that must match as a whole; `words` say what it should be."""
    return Match(pattern, words)


Name = Annotated[
    str,
    StringConstraints(max_length=64),
    require_match(r"[a-z0-9][a-z0-9_.-]*", "name of lower-case letters, digits, `.`, `_` and `-`"),
]
"""The name of a variant, which becomes the tag of an image."""
Repository = Annotated[
    str,
    StringConstraints(max_length=200),
    require_match(rf"{_COMPONENT}(?:/{_COMPONENT})*", "image name in lower case and without a tag, such as `shop/api`"),
]
"""An image name without a tag, by the grammar of `<name>` in the OCI distribution specification."""
Reference = Annotated[str, StringConstraints(max_length=250), require_match(r"[\w][\w.:/@-]*", "image name")]
RegistryHost = Annotated[
    str,
    StringConstraints(max_length=255),
    require_match(
        r"(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?", "host in lower case, such as `registry.example.com:5000`"
    ),
]
"""A registry's host as references name it, with its port if they have one; `docker.io` for Docker Hub."""
Host = Annotated[
    str, StringConstraints(max_length=255), require_match(r"[a-z0-9.-]+", "host in lower case, without a port")
]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class _Checked:
    """Marks a text with a check. Pydantic would look at the signature of an `AfterValidator` once for each field."""

    def __init__(self, check: Callable[[str], str]) -> None:
        self._check = check

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))


def _check_argument(value: str) -> str:
    """Return the text if a program can get it as an argument or a variable."""
    if "\0" in value:
        raise ValueError("it contains a null character, which no path, argument or variable can hold")
    if any("\ud800" <= sign <= "\udfff" for sign in value):
        raise ValueError("it contains half of a character (a surrogate), which UTF-8 cannot hold")
    return value


def _check_path(value: str) -> str:
    """Return the text if a file can have this path."""
    if len(value.encode()) > _PATH_BYTES or any(len(part.encode()) > _NAME_BYTES for part in value.split("/")):
        raise ValueError(f"no path is longer than {_PATH_BYTES} bytes, and no name in it than {_NAME_BYTES}")
    return value


_PATH_BYTES, _NAME_BYTES = 4095, 255
"""PATH_MAX without the zero at its end, and NAME_MAX, of Linux (limits.h)."""
Argument = Annotated[str, _Checked(_check_argument)]
"""An argument of a program, or a value of its environment."""
FilePath = Annotated[Argument, AfterValidator(_check_path)]
Command = Annotated[tuple[Argument, ...], Field(min_length=1)]
TEXT, SECTION = "[text]", "[section]"
"""Where a text or a section may stand: which of the two a value was taken for, in the place of an error about it."""


def build_kind_mark(kind: str) -> str:
    """Return what stands for the kind of a role in the place of an error about it."""
    return f"[{kind}]"


UNIQUE = "{unique}"
"""Placeholder in a change, or in the body of a request, for a word that is new each time."""


def _check_expression(value: str) -> str:
    """Return the text if it is a valid regular expression."""
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
"""A smaller number without a unit is refused: it was hardly meant in bytes."""


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """A number of bytes, and how the settings write it."""

    bytes: int
    written: str = field(compare=False)
    """`152 MiB`, or a bare number."""


def _parse_size(value: Any) -> Any:
    """Return the size that a value of the settings means; a `Size` is returned as it is."""
    if isinstance(value, Size):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 0:
            raise ValueError(f"{value} is below zero")
        if value < _NEEDS_UNIT:
            raise ValueError(f"{value} has no unit: write `{value} MB`, or `{value} B` if bytes are meant")
        return Size(value, str(value))
    if isinstance(value, float):
        raise ValueError(f"{value} has no unit, and there are no fractions of a byte: write `{value} MB`")  # noqa: TRY004 - pydantic's
    found = _TEXT.fullmatch(value.strip()) if isinstance(value, str) else None
    if found and found[2] in _UNITS:
        return Size(int(Decimal(found[1]) * _UNITS[found[2]]), f"{found[1]} {found[2]}")
    raise ValueError(f"{value!r} is no size with a unit, such as `160 MB` or `152 MiB`: one of {', '.join(_UNITS)}")


def _serialize_size(size: Size) -> str | int:
    """Return a size as the settings write it."""
    return size.bytes if size.written.isdecimal() else size.written


_SIZE_SCHEMA: Mapping[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": _NEEDS_UNIT},
        {"type": "string", "pattern": rf"^\s*[0-9]{{1,15}}(\.[0-9]{{1,9}})? ?({'|'.join(_UNITS)})\s*$"},
    ]
}
Bytes = Annotated[
    Size, BeforeValidator(_parse_size), PlainSerializer(_serialize_size), WithJsonSchema(dict(_SIZE_SCHEMA))
]
"""`160 MB` is 160 * 10^6 bytes, `152 MiB` 152 * 2^20; a fraction of a byte is cut off."""
UrlPath = Annotated[str, require_match(r"/[!-~]*", "path such as `/livez`")]
Pattern = Annotated[str, AfterValidator(_check_expression)]


class NullRemoves:
    """Marks a map in which null stands for what there is not: a validator removes it, and editors have to take it."""

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Let editors take null."""
        found = handler(schema)
        patterns = found["patternProperties"].items()
        return {**found, "patternProperties": {key: {"anyOf": [each, {"type": "null"}]} for key, each in patterns}}


class Section(BaseModel):
    """A part of the settings: frozen; an unknown key is an error.

    Modules with sections do not import `annotations` from `__future__`: pydantic would have to compile each one.
    """

    # Most sections are only used as parts of others, and then need no validator of their own.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
    takes_single_value: ClassVar[bool] = False
    """Whether a single value may stand in place of the section."""


def usual_values() -> Any:
    """Return the default of a field that is a section: the section with its own defaults.

    An instance as the default would be made at import, and need a validator of its own, which takes long to build.
    """
    return Field(default_factory=dict, validate_default=True)


def _tell_form(value: Any) -> str:
    """Tell whether a value is meant as a section; anything else should be a text, and the error says so."""
    return SECTION if isinstance(value, dict | Section) else TEXT


_Inner = TypeVar("_Inner", bound=Section)
TextOr = Annotated[Annotated[Argument, Tag(TEXT)] | Annotated[_Inner, Tag(SECTION)], Discriminator(_tell_form)]
