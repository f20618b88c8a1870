"""Checks a posted record: the types of the fields that we read, and sizes that the service can handle.

This is stricter than `weighbridge.report.records`, which reads our own files: here "100" is not a number. Fields that
we do not read may be any JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

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
_LARGEST = 2**63 - 1
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
    return replace(report, images=tuple(_image(index, image) for index, image in enumerate(images)))


def _image(index: int, value: Any) -> Image:
    place = ("images", str(index))
    rows = {name: _bounded(value, name, most, place) for name, most in MAX_ROWS.items()}
    for number, rebuild in enumerate(rows["rebuilds"]):
        _bounded(rebuild, "layers", MAX_LAYERS, (*place, "rebuilds", str(number)))
    image: Image = _read(Image, value, place)
    if len(image.variant) > MAX_VARIANT_CHARACTERS:
        raise _fault((*place, "variant"), f"must have at most {MAX_VARIANT_CHARACTERS} characters")
    if not 0 <= image.shipped_bytes <= _LARGEST:
        raise _fault((*place, "shipped_bytes"), f"must be between 0 and {_LARGEST}")
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
    """Require one spelling of times, because lists are sorted by their text."""
    try:
        if datetime.fromisoformat(text).strftime("%Y-%m-%dT%H:%M:%SZ") == text:
            return
    except ValueError:
        pass
    raise _fault(("recorded_at",), "must be a UTC time such as 2026-11-23T10:00:00Z")


def _read(kind: Any, value: Any, place: Sequence[str] = ()) -> Any:
    """Validate the fields that we read, as JSON text: with Python values, strict validation demands dataclasses."""
    if isinstance(value, dict):
        value = {name: value[name] for name in kind.__dataclass_fields__ if name in value}
    try:
        return _adapter(kind).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        first = error.errors(**_BRIEF)[0]
        raise _fault((*place, *first["loc"]), first["msg"]) from None


def _fault(place: Iterable[object], message: str) -> Invalid:
    where = ".".join(map(str, place)) or "The body"
    return Invalid(f"{where}: {message}")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Return a type's validator, which is built once, on first use."""
    return TypeAdapter(kind)
