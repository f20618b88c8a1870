"""What a posted record must be: the types of the fields that we read, and sizes that the service can carry.

Stricter than `weighbridge.records`, which reads files of our own: "100" is no number here. Fields that are not read are
anything that JSON can say.
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
"""Of one image; engines stop at some 127."""
MAX_ROWS = {"layers": MAX_LAYERS, "ledger": 20_000, "waste": 10_000, "findings": 1000, "rebuilds": 32}
"""Of one image: a full Debian has some 60,000 packages, and nobody ships a tenth of them. Rebuilds have layers, too."""
MAX_VARIANT_CHARACTERS = 200
"""PostgreSQL indexes no value beyond a third of a page."""
_LARGEST = 2**63 - 1


def check(value: Any) -> Report:
    """Return the report that parsed JSON holds.

    Raises:
        Invalid: It breaks the contract; the text names the first field that does.
    """
    record = value if isinstance(value, dict) else {}
    if record.get("format", FORMAT_VERSION) != FORMAT_VERSION:
        raise Invalid(f"format: this service reads {FORMAT_VERSION}, not {str(record['format'])[:20]}")
    # Lengths come first, and images one by one: Pydantic keeps every fault that it finds, and we tell one.
    images = _bounded(record, "images", MAX_IMAGES)
    report: Report = _read(Report, record | {"images": []} if "images" in record else value)
    _check_time(report.recorded_at)
    return replace(report, images=tuple(_image(index, image) for index, image in enumerate(images)))


def _image(index: int, value: Any) -> Image:
    place = ("images", str(index))
    for name, most in MAX_ROWS.items():
        _bounded(value, name, most, place)
    for number, rebuild in enumerate(_bounded(value, "rebuilds", MAX_ROWS["rebuilds"], place)):
        _bounded(rebuild, "layers", MAX_LAYERS, (*place, "rebuilds", str(number)))
    image: Image = _read(Image, value, place)
    if len(image.variant) > MAX_VARIANT_CHARACTERS:
        raise _fault((*place, "variant"), f"must have at most {MAX_VARIANT_CHARACTERS} characters")
    if not 0 <= image.shipped_bytes <= _LARGEST:
        raise _fault((*place, "shipped_bytes"), f"must be between 0 and {_LARGEST}")
    return image


def _bounded(value: Any, name: str, most: int, place: Sequence[str] = ()) -> list[Any]:
    """Return a list that is not too long; what is missing is found missing later."""
    found = value.get(name, []) if isinstance(value, dict) else []
    if not isinstance(found, list):
        raise _fault((*place, name), "must be a list")
    if len(found) > most:
        raise _fault((*place, name), f"must hold at most {most}, not {len(found)}")
    return found


def _check_time(text: str) -> None:
    """Hold a time to one spelling, because lists are in its order."""
    try:
        if datetime.fromisoformat(text).strftime("%Y-%m-%dT%H:%M:%SZ") == text:
            return
    except ValueError:
        pass
    raise _fault(("recorded_at",), "must be a UTC time such as 2026-11-23T10:00:00Z")


def _read(kind: Any, value: Any, place: Sequence[str] = ()) -> Any:
    """Validate what we read. As JSON text, because strict validation of Python's own values wants dataclasses."""
    if isinstance(value, dict):
        value = {name: value[name] for name in kind.__dataclass_fields__ if name in value}
    try:
        return _adapter(kind).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise _fault((*place, *first["loc"]), first["msg"]) from None


def _fault(place: Iterable[object], message: str) -> Invalid:
    where = ".".join(map(str, place)) or "The body"
    return Invalid(f"{where}: {message}"[:500])


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Build each validator once, on first use."""
    return TypeAdapter(kind)
