"""Says what is wrong with a value of the settings, in terms of the file rather than of pydantic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from weighbridge.model.rules import RoleKind
from weighbridge.quoting import escape
from weighbridge.settings.values import SECTION, TEXT, build_kind_mark

_WORDS = {
    "missing": "it is missing",
    "dict_type": "it has to be a section with keys",
    "model_type": "it has to be a section with keys",
    "tuple_type": "it has to be a list",
    "string_type": "it has to be a text, in quotes where YAML takes it for something else",
    "int_type": "it has to be a whole number",
    "int_parsing": "it has to be a whole number",
    "int_from_float": "it has to be a whole number",
    "float_type": "it has to be a number",
    "float_parsing": "it has to be a number",
}
"""Kind of an error -> our message; for all other kinds, pydantic's own message is good enough."""
_SHOWN = 60
_KIND_MARKS = frozenset(map(build_kind_mark, get_args(RoleKind)))
_NOT_WRITTEN = {"[key]", TEXT, SECTION} | _KIND_MARKS
"""Parts of a place that are pydantic's, and stand in no file."""
_SECRET = {"environment", "form", "headers", "multipart"}
"""Sections whose values may be secrets, so that we never show them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where values come from, as errors name it."""

    file: str = ""
    """The file of settings; empty if there is none."""
    second_file: str = ""
    """Another one, which the user named for this run; empty if there is none."""
    variables: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    """Path of a setting -> the variable that sets it."""


def describe_error(errors: Sequence[ErrorDetails], settings: type[BaseModel], origin: Origin) -> tuple[str, str]:
    """Return one line that names the first wrong key and what it should be, and advice where to correct it.

    Args:
        errors: The errors as pydantic lists them, at least one.
        settings: The model that they are about.
        origin: Where the values come from.
    """
    # A misspelt key is reported as unknown and also as missing: report the misspelt one.
    first = min(errors, key=lambda error: error["type"] == "missing")
    place = [str(part) for part in first["loc"] if part not in _NOT_WRITTEN]
    if first["type"] == "extra_forbidden":
        words = f"there is no such setting; choose from {', '.join(_list_keys([*map(str, first['loc'])], settings))}"
    elif first["type"] == "value_error":
        words = str(first["ctx"]["error"])
    else:
        words = _WORDS.get(first["type"], first["msg"].replace("Input should be", "it has to be"))
        words += "" if _SECRET & set(place) else _describe_value(first["input"])
    files = [name for name in (origin.file, origin.second_file) if name]
    variable = _find_variable(place, origin)
    advice = (
        f"Correct {variable}, which sets it." if variable else f"Correct it in {' or '.join(files) or 'the settings'}."
    )
    where = f"{escape('.'.join(place))}: " if place else ""  # what concerns several sections names them itself
    return f"{(*files, 'settings')[0]}: {where}{words}", advice


def _find_variable(place: Sequence[str], origin: Origin) -> str:
    """Return the variable that sets a value or a part of it; empty if none does. A limit's own path may be longer."""
    for path, variable in origin.variables.items():
        if [*path] == [*place][: len(path)] or [*place] == [*path][: len(place)]:
            return variable
    return ""


def _describe_value(value: Any) -> str:
    """Return `, not VALUE` for a short single value; empty for anything else."""
    text = repr(value)
    return f", not {text}" if isinstance(value, str | int | float) and len(text) <= _SHOWN else ""


def _list_keys(place: Sequence[str], settings: type[BaseModel]) -> list[str]:
    """Return the keys that exist in the section of a wrong one."""
    sections = [settings]
    for part in place[:-1]:  # other parts are names that the user gave, or numbers of items
        if part in _KIND_MARKS:
            sections = [each for each in sections if _is_of_kind(each, part)]
        kinds = [each.model_fields[part].annotation for each in sections if part in each.model_fields]
        sections = [inner for kind in kinds for inner in _find_sections(kind)] or sections
    return [*dict.fromkeys(name for each in sections for name in _iterate_keys(each))]


def _is_of_kind(section: type[BaseModel], mark: str) -> bool:
    kind = section.model_fields.get("kind")
    return kind is not None and mark == build_kind_mark(str(kind.default))


def _iterate_keys(section: type[BaseModel]) -> Iterator[str]:
    """Yield the keys of a section as files write them."""
    return (field.alias or name for name, field in section.model_fields.items())


def _find_sections(kind: Any) -> Iterator[type[BaseModel]]:
    """Yield the sections in a type annotation, such as `Growth | None` or `dict[Name, Variant]`."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for each in get_args(kind):
        yield from _find_sections(each)
