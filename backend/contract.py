"""Checks a posted record: the types of the fields that we read, and sizes that the service can handle.

This is stricter than `weighbridge.report.records`, which reads our own files: here "100" is not a number. Fields that
we do not read may be any JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from backend.errors import Invalid
from weighbridge.model.report import FORMAT_VERSION, Image, Report

MAX_IMAGES = 100
MAX_LAYERS = 1000
"""Limit for one image; engines allow some 127."""
MAX_ROWS = {"layers": MAX_LAYERS, "ledger": 20_000, "waste": 10_000, "findings": 1000, "rebuilds": 32}
"""Limits for one image: all of Debian is some 60,000 packages, and no image has a tenth of them."""
MAX_VARIANT_CHARACTERS = 200
"""PostgreSQL indexes no value beyond a third of a page."""
MAX_COMMIT_CHARACTERS = 200
"""Lists show it for a hundred reports at once. A hash has 64 at most."""
TIME_PATTERN = (
    "^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"
)
"""The spelling of times, from 1970 on. Not every such text is a day."""
LARGEST_BYTES = 2**63 - 1
LARGEST_COUNT = 10**9
"""For whatever is not a number of bytes: no image has so many files, layers or steps."""
LARGEST_SECONDS = 10**7
MAX_AHEAD = timedelta(hours=1)
"""How far the clock of whoever measured may be ahead of ours. A record of the future would lead every list for ever."""
_BRIEF = {"include_url": False, "include_context": False, "include_input": False}
"""Without what we do not tell: Pydantic would build it for every fault, of which a record may have thousands."""


def check(value: Any) -> Report:
    """Turn parsed JSON into a report.

    Raises:
        Invalid: A field breaks the contract; the text names the first such field.
    """
    record = value if isinstance(value, dict) else {}
    if record.get("format", FORMAT_VERSION) != FORMAT_VERSION:
        raise Invalid(f"format: this service reads {FORMAT_VERSION}, not {str(record['format'])[:20]}")
    # Checks lengths first, and images one by one: Pydantic would collect every fault, but we report only one.
    images = _bounded(record, "images", MAX_IMAGES)
    report: Report = _read(Report, record | {"images": []} if "images" in record else value)
    _check_time(report.recorded_at)
    if len(report.commit or "") > MAX_COMMIT_CHARACTERS:
        raise _fault(("commit",), f"must have at most {MAX_COMMIT_CHARACTERS} characters")
    _check_numbers(report, ())
    report = replace(report, images=tuple(_image(index, image) for index, image in enumerate(images)))
    _check_variants(report.images)
    return report


def _image(index: int, value: Any) -> Image:
    place = ("images", str(index))
    rows = {name: _bounded(value, name, most, place) for name, most in MAX_ROWS.items()}
    for number, rebuild in enumerate(rows["rebuilds"]):
        _bounded(rebuild, "layers", MAX_LAYERS, (*place, "rebuilds", str(number)))
    image: Image = _read(Image, value, place)
    if len(image.variant) > MAX_VARIANT_CHARACTERS:
        raise _fault((*place, "variant"), f"must have at most {MAX_VARIANT_CHARACTERS} characters")
    _check_numbers(image, place)
    return image


def _bounded(value: Any, name: str, most: int, place: Sequence[str] = ()) -> list[Any]:
    """Return a list of the record, empty if it is missing; refuse it if it is too long."""
    found = value.get(name, []) if isinstance(value, dict) else []
    if not isinstance(found, list):
        raise _fault((*place, name), "must be a list")
    if len(found) > most:
        raise _fault((*place, name), f"must have at most {most} entries, not {len(found)}")
    return found


def _check_time(text: str) -> None:
    """Require one spelling of times, because lists are sorted by their text, and no time in the future."""
    place = ("recorded_at",)
    try:
        time = datetime.fromisoformat(text)
        is_right = re.fullmatch(TIME_PATTERN, text) is not None
    except ValueError:
        is_right = False
    if not is_right:
        raise _fault(place, "must be a UTC time such as 2026-11-23T10:00:00Z")
    if time > datetime.now(UTC) + MAX_AHEAD:
        raise _fault(place, "must not be in the future; is the clock right where this was measured?")


def _check_variants(images: Sequence[Image]) -> None:
    """Require different names: comparisons and lists find a variant by its name."""
    seen = set[str]()
    for index, image in enumerate(images):
        if image.variant in seen:
            raise _fault(("images", str(index), "variant"), f"{image.variant[:80]!a} is there twice")
        seen.add(image.variant)


def _check_numbers(value: Any, place: Sequence[str]) -> None:
    """Require every number of a report's part to be one that can be counted, and stored."""
    kind: Any = type(value)
    for name, most in find_numbers(kind):
        number = getattr(value, name)
        if number is not None and not 0 <= number <= most:
            raise _fault((*place, name), f"must be between 0 and {most}")
    for name in _find_parts(kind):
        part = getattr(value, name)
        if isinstance(part, tuple):
            for index, each in enumerate(part):
                _check_numbers(each, (*place, name, str(index)))
        elif is_dataclass(part):
            _check_numbers(part, (*place, name))


@cache
def find_kinds(kind: Any = Report) -> frozenset[Any]:
    """Return the dataclasses that a record is made of."""
    hints, found = get_type_hints(kind), {kind}
    for name in _find_parts(kind):
        for part in filter(is_dataclass, (hints[name], *get_args(hints[name]))):
            found |= find_kinds(cast("Any", part))
    return frozenset(found)


@cache
def find_numbers(kind: Any) -> tuple[tuple[str, int], ...]:
    """Return the fields of a kind that are numbers, each with the largest one allowed."""
    hints = get_type_hints(kind)
    found = []
    for name in (field.name for field in fields(kind)):
        types = {hints[name], *get_args(hints[name])}
        if float in types:
            found.append((name, LARGEST_SECONDS))
        elif int in types:
            found.append((name, LARGEST_BYTES if name.endswith("bytes") else LARGEST_COUNT))
    return tuple(found)


@cache
def _find_parts(kind: Any) -> tuple[str, ...]:
    """Return the fields of a kind that hold dataclasses, one or many."""
    hints = get_type_hints(kind)
    return tuple(
        field.name
        for field in fields(kind)
        if any(map(is_dataclass, (hints[field.name], *get_args(hints[field.name]))))
    )


def _read(kind: Any, value: Any, place: Sequence[str] = ()) -> Any:
    """Validate the fields that we read. They are JSON text: of Python values, strict validation wants dataclasses."""
    if isinstance(value, dict):
        value = {name: value[name] for name in kind.__dataclass_fields__ if name in value}
    text = json.dumps(value)
    with suppress(ValidationError):
        return _adapter(kind).validate_json(text, strict=True)
    try:  # JSON does not tell 1.0 from 1, but the validator does
        return _adapter(kind).validate_json(json.dumps(json.loads(text, parse_float=_read_number)), strict=True)
    except ValidationError as error:
        first = error.errors(**_BRIEF)[0]
        raise _fault((*place, *first["loc"]), first["msg"]) from None


def _read_number(digits: str) -> float:
    number = float(digits)
    return int(number) if number.is_integer() else number


def _fault(place: Iterable[object], message: str) -> Invalid:
    where = ".".join(map(str, place)) or "The body"
    return Invalid(f"{where}: {message}")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return a type's validator, which is built once, on first use."""
    return TypeAdapter(kind)
